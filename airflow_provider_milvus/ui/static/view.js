// The view: filters, a table of jobs that refreshes itself, a pager, and a dialog before a commit or an abort.

import { act, listJobs, showJob } from "./api.js";
import { element, setText } from "./dom.js";
import { rows, span } from "./format.js";
import { HEADINGS, keyOf, Row } from "./row.js";

const PAGE = 50;
const STATES = ["Pending", "Importing", "Uncommitted", "Committing", "Completed", "Failed"];
const MAX_PAUSE_SECONDS = 60;
const FILTERS = ["collection", "state", "conn_id", "job_id"];

export function createView(place, options) {
  return new View(place, options);
}

class View {
  constructor(place, { task, navigate }) {
    this.task = task;
    this.navigate = navigate;
    this.offset = 0;
    this.failures = 0;
    this.table = new Map();
    this.abort = new AbortController();
    this.filter = Object.fromEntries(FILTERS.map((name) => [name, ""]));
    if (!task) {
      const given = new URLSearchParams(globalThis.location.search);
      for (const name of FILTERS) this.filter[name] = given.get(name) ?? "";
    }
    this.opensFirst = this.filter.job_id !== "";
    this.root = place.shadowRoot ?? place.attachShadow({ mode: "open" });
    this.build();
    this.onVisible = () => document.visibilityState === "visible" && this.refresh();
    document.addEventListener("visibilitychange", this.onVisible);
    this.refresh();
  }

  close() {
    this.abort.abort();
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.onVisible);
    this.root.replaceChildren();
  }

  build() {
    const style = element("link", { rel: "stylesheet", href: new URL("view.css", import.meta.url).href });
    this.collection = element("select", { "aria-label": "Collection", onchange: () => this.change("collection", this.collection.value) });
    this.state = element("select", { "aria-label": "State", onchange: () => this.change("state", this.state.value) });
    this.only = element("span", { class: "only" });
    this.status = element("span", { class: "status", role: "status" });
    this.notes = element("div", { class: "notes" });
    this.body = element("tbody");
    const table = element("table", { "aria-label": "Import jobs" },
      element("thead", {}, element("tr", {}, ...HEADINGS.map((name) => element("th", { scope: "col" }, name)))), this.body);
    this.empty = element("p", { class: "empty", hidden: true });
    this.previous = element("button", { onclick: () => this.turn(-PAGE) }, "‹ Newer");
    this.next = element("button", { onclick: () => this.turn(PAGE) }, "Older ›");
    this.range = element("span");
    this.pager = element("nav", { class: "pager", "aria-label": "Pages", hidden: true }, this.previous, this.range, this.next);
    this.dialog = element("dialog", { "aria-label": "Confirm" });
    const heading = element("header", {},
      element("h1", {}, "Milvus imports"),
      element("div", { class: "filters" }, this.only, this.collection, this.state, this.status));
    this.root.replaceChildren(style, element("main", {}, heading, this.notes, table, this.empty, this.pager, this.dialog));
    this.fillFilters({}, []);
  }

  // -- what is fetched --------------------------------------------------------------------------------------------

  async refresh() {
    clearTimeout(this.timer);
    const sent = (this.sent = (this.sent ?? 0) + 1);
    let pause = 5;
    try {
      const found = await listJobs({ ...this.filter, ...this.task, offset: this.offset, limit: PAGE }, this.abort.signal);
      if (sent !== this.sent) return;
      this.failures = 0;
      pause = found.refresh_seconds;
      this.show(found);
    } catch (error) {
      if (error.name === "AbortError" || sent !== this.sent) return;
      this.failures += 1;
      pause = Math.min(MAX_PAUSE_SECONDS, 5 * 2 ** (this.failures - 1));
      this.fail(error, pause);
    }
    if (document.visibilityState === "visible") this.timer = setTimeout(() => this.refresh(), pause * 1000);
  }

  fetchJob(job) {
    return showJob(job, this.abort.signal);
  }

  change(name, value) {
    this.filter[name] = value;
    this.offset = 0;
    if (!this.task) {
      const url = new URL(globalThis.location.href);
      for (const [each, text] of Object.entries(this.filter)) {
        if (text) url.searchParams.set(each, text);
        else url.searchParams.delete(each);
      }
      globalThis.history.replaceState(globalThis.history.state, "", url);
    }
    this.refresh();
  }

  turn(by) {
    this.offset = Math.max(0, this.offset + by);
    this.refresh();
  }

  // -- what is shown ------------------------------------------------------------------------------------------------

  show(found) {
    const wanted = new Map(found.jobs.map((job) => [keyOf(job), job]));
    for (const [key, row] of this.table) {
      if (!wanted.has(key)) {
        row.remove();
        this.table.delete(key);
      }
    }
    let after = null;
    for (const [key, job] of wanted) {
      let row = this.table.get(key);
      if (row) row.update(job);
      else this.table.set(key, (row = new Row(this, job)));
      const expected = after ? after.nextSibling : this.body.firstChild;
      if (expected !== row.main) this.body.insertBefore(row.main, expected);
      if (row.main.nextSibling !== row.more) this.body.insertBefore(row.more, row.main.nextSibling);
      after = row.more;
    }
    if (this.opensFirst && this.table.size === 1) {
      this.opensFirst = false;
      this.table.values().next().value.setOpen(true);
    }
    this.fillFilters(found.states, found.collections);
    this.showNotes(found);
    this.showPager(found);
    setText(this.status, found.servers.length || found.total ? `${rows(found.total)} ${found.total === 1 ? "job" : "jobs"}` : "");
  }

  showNotes(found) {
    const notes = found.servers.map((server) => {
      const name = server.database ? `${server.conn_id} (${server.database})` : server.conn_id;
      if (server.live) return element("p", { class: "note live" }, element("b", {}, name), ` reported by Milvus, ${span(found.now - server.as_of)} ago`);
      const why = server.error ? `Milvus cannot be reached from here: ${server.error}` : "Milvus has not responded yet";
      return element("p", { class: "note stale" }, element("b", {}, name), ` reported by tasks, once a minute. ${why}`);
    });
    this.notes.replaceChildren(...notes);
  }

  showPager({ total, jobs }) {
    if (!jobs.length && this.offset) return this.turn(-PAGE);
    this.empty.hidden = total > 0;
    setText(this.empty, this.task ? "This task instance has reported no Milvus imports." : "There are no import jobs to show.");
    this.pager.hidden = total <= PAGE;
    this.previous.disabled = this.offset === 0;
    this.next.disabled = this.offset + PAGE >= total;
    setText(this.range, `${rows(this.offset + 1)} to ${rows(this.offset + jobs.length)} of ${rows(total)}`);
  }

  fail(error, pause) {
    if (error.status === 401 || error.status === 403) {
      this.table.forEach((row) => row.remove());
      this.table.clear();
      this.notes.replaceChildren();
      this.empty.hidden = false;
      setText(this.empty, "You may not see import jobs.");
      setText(this.status, "");
      return;
    }
    this.notes.replaceChildren(element("p", { class: "note stale" }, `The jobs could not be fetched: ${error.message}. Next attempt in ${pause} s.`));
  }

  fillFilters(states, collections) {
    const names = [...new Set([...STATES, ...Object.keys(states), this.filter.state].filter(Boolean))];
    options(this.state, this.filter.state, [["", "All states"], ...names.map((name) => [name, states[name] ? `${name} (${rows(states[name])})` : name])]);
    const known = [...new Set([...collections, this.filter.collection].filter(Boolean))].sort();
    options(this.collection, this.filter.collection, [["", "All collections"], ...known.map((name) => [name, name])]);
    const chips = ["job_id", "conn_id"].filter((name) => this.filter[name]).map((name) =>
      element("button", { class: "chip", "aria-label": `Remove the filter ${name}`, onclick: () => this.change(name, "") },
        `${name === "job_id" ? "job" : "connection"} ${this.filter[name]} ×`));
    this.only.replaceChildren(...chips);
  }

  taskLink(task) {
    const mapped = task.map_index >= 0 ? `/mapped/${task.map_index}` : "";
    const path = `/dags/${encodeURIComponent(task.dag_id)}/runs/${encodeURIComponent(task.run_id)}/tasks/${encodeURIComponent(task.task_id)}${mapped}`;
    const label = `${task.dag_id}.${task.task_id}${task.map_index >= 0 ? `[${task.map_index}]` : ""}`;
    const open = (event) => {
      if (!this.navigate || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
      event.preventDefault();
      this.navigate(path);
    };
    return element("a", { href: new URL(path.slice(1), document.baseURI).href, title: task.run_id, onclick: open }, ...breakable(label));
  }

  // -- commit and abort -----------------------------------------------------------------------------------------------

  confirm(action, job) {
    const does = action === "commit"
      ? `Commit import job ${job.job_id}? ${job.imported_rows == null ? "Its rows become" : `Its ${rows(job.imported_rows)} rows become`} visible in ${job.collection}.`
      : `Abort import job ${job.job_id}? Nothing of it becomes visible in ${job.collection}, and the job cannot be resumed.`;
    const problem = element("p", { class: "reason", role: "alert" });
    const yes = element("button", { class: `action ${action}`, onclick: () => this.send(action, job, yes, problem) }, action === "commit" ? "Commit" : "Abort");
    const no = element("button", { onclick: () => this.dialog.close() }, "Cancel");
    this.dialog.replaceChildren(element("p", {}, does), problem, element("div", { class: "buttons" }, no, yes));
    this.dialog.showModal();
    no.focus();
  }

  async send(action, job, button, problem) {
    button.disabled = true;
    setText(problem, "");
    try {
      await act(action, job);
      this.dialog.close();
    } catch (error) {
      setText(problem, `The request failed: ${error.message}`);
      button.disabled = false;
    }
    this.refresh();
  }
}

// A name may go on in the next line after a dot or an underscore.
function breakable(text) {
  return text.split(/(?<=[._])/).flatMap((part) => [part, element("wbr")]);
}

function options(select, value, wanted) {
  const shown = JSON.stringify(wanted);
  if (select.dataset.shown !== shown) {
    select.dataset.shown = shown;
    select.replaceChildren(...wanted.map(([each, label]) => element("option", { value: each }, label)));
  }
  select.value = value;
}

// One job: a row of the table, and the row of its files below it. A refresh changes it in place, so focus stays.

import { element, setAttribute, setText } from "./dom.js";
import { moment, rate, rows, size, span } from "./format.js";

const COLUMNS = ["State", "Progress", "Rows", "Rows/s", "Time left", "Collection", "Age", "Duration", "Task"];
export const HEADINGS = ["", ...COLUMNS, ""];
const KINDS = {
  Completed: "done",
  Failed: "failed",
  Importing: "running",
  Committing: "running",
  Uncommitted: "waiting",
  Pending: "queued",
};

export const keyOf = (job) => JSON.stringify([job.conn_id, job.database, job.job_id]);

export class Row {
  constructor(view, job) {
    this.view = view;
    this.isOpen = false;
    this.id = `job-${Row.count = (Row.count ?? 0) + 1}`;
    this.toggle = element("button", {
      class: "toggle",
      "aria-expanded": "false",
      "aria-controls": this.id,
      onclick: () => this.setOpen(!this.isOpen),
    }, "›");
    this.badge = element("span", { class: "badge" });
    this.bar = element("div", { class: "fill" });
    this.meter = element("div", { class: "bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 }, this.bar);
    this.percent = element("span", { class: "percent" });
    this.cells = Object.fromEntries(COLUMNS.map((name) => [name, element("td", { "data-label": name, class: name.toLowerCase().replace("/", "") })]));
    this.cells.State.append(this.badge);
    this.cells.Progress.append(this.meter, this.percent);
    this.name = element("span", { class: "name" });
    this.number = element("span", { class: "id", title: "Job id" });
    this.cells.Collection.append(this.name, this.number);
    this.actions = element("td", { class: "actions" });
    this.main = element("tr", { class: "job" }, element("td", { class: "opener" }, this.toggle), ...Object.values(this.cells), this.actions);
    this.details = element("td", { colspan: HEADINGS.length });
    this.more = element("tr", { class: "more", id: this.id, hidden: true }, this.details);
    this.tasks = "";
    this.update(job);
  }

  update(job) {
    this.job = job;
    const { cells } = this;
    setAttribute(this.main, "data-job", job.job_id);
    setAttribute(this.badge, "data-kind", KINDS[job.state] ?? "running");
    setText(this.badge, job.state || "Unknown");
    const percent = Math.min(100, Math.max(0, job.progress));
    this.bar.style.width = `${percent}%`;
    setAttribute(this.bar, "data-kind", KINDS[job.state] ?? "running");
    setAttribute(this.meter, "aria-valuenow", percent);
    setAttribute(this.meter, "aria-label", `Progress of import job ${job.job_id}`);
    setText(this.percent, `${percent} %`);
    const total = job.total_rows ? ` of ${rows(job.total_rows)}` : "";
    setText(cells.Rows, `${rows(job.imported_rows)}${job.imported_rows == null ? "" : total}`);
    setText(cells["Rows/s"], rate(job.rate));
    setText(cells["Time left"], span(job.left));
    setText(this.name, job.collection || "–");
    setText(this.number, job.job_id);
    setText(cells.Age, span(job.age));
    setAttribute(cells.Age, "title", moment(job.created));
    setText(cells.Duration, span(job.duration));
    setAttribute(this.toggle, "aria-label", `Files of import job ${job.job_id}`);
    this.updateTasks();
    this.updateActions();
    if (this.isOpen) this.load();
  }

  updateTasks() {
    const shown = JSON.stringify(this.job.tasks);
    if (shown === this.tasks) return;
    this.tasks = shown;
    const links = this.job.tasks.slice(0, 2).map((task) => this.view.taskLink(task));
    this.cells.Task.replaceChildren(...(links.length ? links : ["not reported by a task"]));
  }

  updateActions() {
    const wanted = ["commit", "abort"].filter((action) => this.job[`can_${action}`]);
    if (wanted.join() === this.actions.dataset.shown) return;
    this.actions.dataset.shown = wanted.join();
    this.actions.replaceChildren(
      ...wanted.map((action) =>
        element("button", { class: `action ${action}`, onclick: () => this.view.confirm(action, this.job) },
          action === "commit" ? "Commit" : "Abort"),
      ),
    );
  }

  setOpen(isOpen) {
    this.isOpen = isOpen;
    setAttribute(this.toggle, "aria-expanded", String(isOpen));
    this.more.hidden = !isOpen;
    if (isOpen) {
      if (!this.details.childNodes.length) this.details.replaceChildren("Loading …");
      this.load();
    }
  }

  async load() {
    try {
      this.showDetails(await this.view.fetchJob(this.job));
    } catch (error) {
      if (error.name !== "AbortError") this.details.replaceChildren(`The job could not be read: ${error.message}`);
    }
  }

  showDetails(job) {
    const facts = [
      ["Connection", job.database ? `${job.conn_id}, database ${job.database}` : job.conn_id],
      ["Created", moment(job.created)],
      ["Completed", moment(job.completed)],
      ["Size", size(job.file_size)],
      ["Reported by", job.source === "milvus" ? "Milvus" : `its task, ${moment(job.as_of)}`],
    ];
    const parts = [
      element("dl", {}, ...facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)))),
    ];
    if (job.reason) parts.unshift(element("p", { class: "reason" }, job.reason));
    if (job.files.length) parts.push(files(job.files));
    if (job.file_count > job.files.length) {
      parts.push(element("p", { class: "note" }, `${job.files.length} of ${rows(job.file_count)} files are shown.`));
    } else if (!job.files.length) {
      parts.push(element("p", { class: "note" }, "Nothing is known of its files."));
    }
    this.details.replaceChildren(element("div", { class: "details" }, ...parts));
  }

  remove() {
    this.main.remove();
    this.more.remove();
  }
}

function files(list) {
  return element("ul", { class: "files", "aria-label": "Files" },
    ...list.slice(0, 500).map((file) => {
      const total = file.total_rows ? ` of ${rows(file.total_rows)}` : "";
      const failed = file.state === "Failed" || file.reason;
      return element("li", {},
        element("span", { class: "badge small", "data-kind": failed ? "failed" : KINDS[file.state] ?? "running" }, file.state || "Failed"),
        element("span", { class: "name" }, file.name),
        element("span", { class: "count" }, file.imported_rows || file.total_rows ? `${rows(file.imported_rows)}${total} rows` : ""),
        file.reason ? element("span", { class: "reason" }, file.reason) : null,
      );
    }),
  );
}

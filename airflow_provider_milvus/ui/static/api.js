// Requests to the routes beside this module. The browser's own session of Airflow authorises them.

const ROOT = new URL("../api/", import.meta.url);

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function request(path, options) {
  const response = await fetch(new URL(path, ROOT), { credentials: "same-origin", ...options });
  let body = {};
  try {
    body = await response.json();
  } catch {
    // A proxy's own page, for example.
  }
  if (!response.ok) {
    const detail = typeof body.detail === "string" ? body.detail : response.statusText || "error";
    throw new Refused(response.status, detail);
  }
  return body;
}

const query = (parameters) =>
  new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== "" && value != null));

export const listJobs = (parameters, signal) => request(`jobs?${query(parameters)}`, { signal });

export const showJob = ({ conn_id, database, job_id }, signal) =>
  request(`job?${query({ conn_id, database, job_id })}`, { signal });

export const act = (action, { conn_id, database, job_id }) =>
  request(action, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ conn_id, database, job_id }),
  });

// The component that Airflow's UI shows as a page and as a tab of task instances. It needs no build: React, and React
// Router for links, are the host's. React gives it a place; what is in there is plain DOM. Texts of a server become text
// nodes only, never HTML.

import { createView } from "./view.js";

const NAME = "Milvus imports";

function MilvusImports({ dagId, runId, taskId, mapIndex }) {
  const { createElement, useEffect, useRef } = globalThis.React;
  const place = useRef(null);
  const navigate = globalThis.ReactRouterDOM?.useNavigate?.();
  const router = useRef(navigate);
  router.current = navigate;

  useEffect(() => {
    const task = taskId ? { dag_id: dagId, run_id: runId, task_id: taskId, map_index: mapIndex ?? "-1" } : null;
    const view = createView(place.current, { task, navigate: (path) => router.current?.(path) });
    return () => view.close();
  }, [dagId, runId, taskId, mapIndex]);

  return createElement("div", { ref: place, style: { height: "100%", width: "100%", overflow: "auto" } });
}

// Airflow looks for the plugin's name first; a module that is loaded already runs no second time for the tab.
globalThis[NAME] = MilvusImports;
globalThis.AirflowPlugin = MilvusImports;

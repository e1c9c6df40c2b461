// What a user does with @zilliz/milvus2-sdk-node; prints {step: null or what went wrong} as JSON.
// Arguments: the URI of the server, and the folder of its bucket.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

// The package lies beside the working directory, not beside this file.
const require = createRequire(join(process.cwd(), "package.json"));
const { DataType, HttpClient, MilvusClient, MilvusClient: Client } = require("@zilliz/milvus2-sdk-node");
const [uri, bucket] = process.argv.slice(2);
const client = new Client({ address: uri });
const http = new HttpClient({ endpoint: uri });
const collection_name = "clients";

function check(truth, ...shown) {
  if (!truth) throw new Error(JSON.stringify(shown));
}

function ok(response) {
  const status = response.status ?? response;
  check(!status.error_code || status.error_code === "Success", response);
  return response;
}

const steps = {
  async create() {
    const fields = [
      { name: "id", data_type: DataType.Int64, is_primary_key: true },
      { name: "vector", data_type: DataType.FloatVector, dim: 4 },
    ];
    const index_params = [{ field_name: "vector", metric_type: "L2", index_type: "AUTOINDEX" }];
    ok(await client.createCollection({ collection_name, fields, index_params }));
    check((await client.hasCollection({ collection_name })).value);
    ok(await client.loadCollectionSync({ collection_name }));
  },
  async import_over_http() {
    const rows = [0, 1, 2, 3].map((id) => ({ id, vector: [id, id, id, id] }));
    writeFileSync(join(bucket, "node.json"), JSON.stringify(rows));
    const created = await http.createImportJobs({ collectionName: collection_name, files: [["node.json"]] });
    check(created.code === 0, created);
    for (let tries = 0; ; tries++) {
      const job = await http.getImportJobProgress({ jobId: created.data.jobId });
      check(job.code === 0 && job.data.state !== "Failed" && tries < 300, job);
      if (job.data.state === "Completed") break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const jobs = await http.listImportJobs({ collectionName: collection_name });
    check(jobs.data.records.some((one) => one.jobId === created.data.jobId), jobs);
  },
  async see_imported_rows() {
    ok(await client.releaseCollection({ collection_name }));
    ok(await client.loadCollectionSync({ collection_name }));
    const counted = ok(await client.count({ collection_name }));
    check(Number(counted.data) === 4, counted);
  },
  async query_and_search() {
    const found = ok(await client.query({ collection_name, filter: "id == 2", output_fields: ["vector"] }));
    check(found.data[0].vector[0] === 2, found);
    const hits = ok(await client.search({ collection_name, data: [2.9, 2.9, 2.9, 2.9], limit: 1 }));
    check(Number(hits.results[0].id) === 3, hits);
  },
  async insert_upsert_delete() {
    ok(await client.insert({ collection_name, data: [{ id: 100, vector: [1, 1, 1, 1] }] }));
    ok(await client.upsert({ collection_name, data: [{ id: 100, vector: [2, 2, 2, 2] }] }));
    const found = ok(await client.get({ collection_name, ids: [100], output_fields: ["vector"] }));
    check(found.data[0].vector[0] === 2, found);
    ok(await client.delete({ collection_name, ids: [100] }));
    check(ok(await client.get({ collection_name, ids: [100] })).data.length === 0);
  },
  async describe_over_http() {
    const found = await http.describeCollection({ collectionName: collection_name });
    check(found.code === 0 && found.data.load === "LoadStateLoaded", found);
  },
  async drop() {
    ok(await client.dropCollection({ collection_name }));
  },
};

const results = {};
for (const [name, run] of Object.entries(steps)) {
  try {
    await run();
    results[name] = null;
  } catch (error) {
    results[name] = String(error).slice(0, 300);
  }
}
console.log(JSON.stringify({ version: MilvusClient.sdkInfo?.version ?? "", steps: results }));
process.exit(0);

// express-openapi-validator before the server: it judges each request and each answer on the way.
import express from "express";
import * as validator from "express-openapi-validator";
import fs from "node:fs";

const [, , file, origin, port] = process.argv;
const app = express();
app.use(express.json());
app.use(validator.middleware({ apiSpec: JSON.parse(fs.readFileSync(file)), validateRequests: true, validateResponses: true, validateSecurity: false }));
app.use(async (request, response) => {
  const headers = Object.fromEntries(["authorization", "content-type", "last-event-id"].filter((name) => request.headers[name]).map((name) => [name, request.headers[name]]));
  const body = request.headers["content-type"] ? JSON.stringify(request.body) : undefined;
  const answer = await fetch(origin + request.originalUrl, { method: request.method, headers, body });
  response.status(answer.status);
  for (const name of ["content-type", "location", "content-disposition", "www-authenticate", "retry-after"]) if (answer.headers.get(name)) response.set(name, answer.headers.get(name));
  const text = await answer.text();
  if (/json/.test(answer.headers.get("content-type") ?? "")) response.json(JSON.parse(text));
  else response.send(text);
});
// A request that our own service would refuse is refused here in the same way.
app.use((error, request, response, _next) => {
  const problem = { type: "/docs", title: error.message, status: error.status, detail: error.message, code: "invalid_request", request_id: "none" };
  response.status(error.status === 400 ? 422 : 500).type("application/problem+json").send(JSON.stringify(problem));
});
app.listen(Number(port), "127.0.0.1");

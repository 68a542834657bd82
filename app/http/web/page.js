// The page at /: what is served, an input to send, and the answer.

import { cut, element, predictions, pretty, problem } from "./answer.js";

const JSON_TYPE = "application/json";
const REFRESH_MILLISECONDS = 3000;
const MEGABYTE = 2 ** 20;

const $ = (id) => document.getElementById(id);
let model = null;
let picture = null;

function pictureTypes() {
  return model.media_types.filter((type) => type.startsWith("image/"));
}

function kind() {
  return $("form").elements.kind.value;
}

async function refresh() {
  try {
    const response = await fetch("web/model.json");
    model = await response.json();
  } catch {
    show({ state: "no answer" });
    return;
  }
  show(model);
}

function show(facts) {
  for (const fact of ["name", "version", "device", "runtime", "state"]) {
    if (fact in facts) $(fact).textContent = facts[fact] ?? "…";
  }
  $("state").dataset.state = facts.state;
  if (facts.name) document.title = `${facts.name} · Slipway`;
}

function prepare() {
  const types = pictureTypes();
  $("kinds").hidden = types.length === 0;
  $("form").elements.kind.value = types.length > 0 ? "picture" : "json";
  $("file").accept = types.join(",");
  $("json-label").textContent = model.asks ?? `A sample, or a list of samples: ${model.inputs.map(described).join("; ")}`;
  // Not over what a person has typed meanwhile.
  if (model.example !== null && $("json").value === "") $("json").value = pretty(model.example);
  $("send").disabled = false;
  chooseKind();
}

function described(tensor) {
  const shape = tensor.shape.slice(1).map((length) => (length === -1 ? "any" : length));
  return `${tensor.name} ${tensor.datatype} [${shape.join(", ")}]`;
}

function chooseKind() {
  const isPicture = kind() === "picture";
  $("picture-input").hidden = !isPicture;
  $("json-input").hidden = isPicture;
}

function choosePicture(file) {
  if (!file || !model || pictureTypes().length === 0) return;
  picture = file;
  $("form").elements.kind.value = "picture";
  chooseKind();
  URL.revokeObjectURL($("preview").src);
  $("preview").src = URL.createObjectURL(file);
  $("preview").alt = file.name;
  $("preview").hidden = false;
  $("invitation").hidden = true;
  $("drop").classList.add("filled");
  $("file-name").textContent = `${file.name}, ${Math.ceil(file.size / 1024)} KiB`;
}

/** Return what to send, or the problem that keeps it from being sent. */
function request() {
  if (kind() === "json") return { type: JSON_TYPE, body: $("json").value };
  const types = pictureTypes();
  if (picture === null) return { problem: "Drop or choose a picture first." };
  if (!types.includes(picture.type)) {
    return { problem: `${picture.name} is ${picture.type || "no picture"}. The model takes ${types.join(" and ")}.` };
  }
  if (picture.size > model.max_body_bytes) {
    return { problem: `${picture.name} is larger than the ${model.max_body_bytes / MEGABYTE} MiB that are taken.` };
  }
  return { type: picture.type, body: picture };
}

async function predict(event) {
  event.preventDefault();
  const asked = request();
  $("time").textContent = "";
  $("whole").hidden = true;
  if (asked.problem) {
    $("answer").replaceChildren(problem("Nothing was sent", asked.problem));
    return;
  }
  $("send").disabled = true;
  try {
    $("answer").replaceChildren(...(await answer(asked)));
  } catch (error) {
    $("answer").replaceChildren(problem("No answer", `The server did not answer, or not in JSON: ${error.message}`));
  } finally {
    $("send").disabled = false;
  }
}

async function answer({ type, body }) {
  const start = performance.now();
  const response = await fetch("predict", { method: "POST", headers: { "content-type": type }, body });
  const text = await response.text();
  const milliseconds = performance.now() - start;
  const content = JSON.parse(text);
  if (!response.ok) return [problem(`${response.status} ${content.title}`, content.detail)];
  $("time").textContent = `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms, version ${content.model_version}`;
  $("whole-text").textContent = cut(pretty(content));
  $("whole").hidden = false;
  return predictions(content.predictions);
}

/** Link to the metrics where this browser reaches them: they have a port of their own. */
async function showMetrics() {
  const isDirect = ["127.0.0.1", "localhost"].includes(location.hostname) && location.port === `${model.port}`;
  const address = `http://${location.hostname}:${model.metrics_port}/metrics`;
  const isReached = isDirect && (await fetch(address, { mode: "no-cors" }).then(() => true, () => false));
  const link = element(isReached ? "a" : "span", "", isReached ? "Metrics" : `Metrics: port ${model.metrics_port}, /metrics`);
  if (isReached) link.href = address;
  $("metrics").replaceChildren(link);
}

function listen() {
  $("form").addEventListener("submit", predict);
  $("kinds").addEventListener("change", chooseKind);
  $("file").addEventListener("change", () => choosePicture($("file").files[0]));
  $("json").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("form").requestSubmit();
  });
  document.addEventListener("paste", (event) => choosePicture(event.clipboardData.files[0]));
  // Anywhere on the page: a browser would leave the page for a file that misses its place.
  for (const name of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      $("drop").classList.toggle("over", name === "dragover");
      if (name === "drop") choosePicture(event.dataTransfer.files[0]);
    });
  }
  setInterval(() => document.visibilityState === "visible" && refresh(), REFRESH_MILLISECONDS);
}

await refresh();
if (model) {
  prepare();
  listen();
  await showMetrics();
}

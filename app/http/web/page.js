// The page at /: it shows the model, sends an input to /predict, and shows the predictions.

import { element, predictions, pretty, problem, truncate } from "./answer.js";

const JSON_TYPE = "application/json";
const REFRESH_MILLISECONDS = 3000;
const MEBIBYTE = 2 ** 20;

const $ = (id) => document.getElementById(id);
let model = null;
let picture = null;

/** Return the media types of pictures that the model accepts. */
function pictureTypes() {
  return model.media_types.filter((type) => type.startsWith("image/"));
}

/** Return what the user has chosen to send: "picture" or "json". */
function chosenKind() {
  return $("form").elements.kind.value;
}

/** Load the facts about the model, and show them. */
async function refresh() {
  try {
    const response = await fetch("web/model.json");
    model = await response.json();
  } catch {
    showFacts({ state: "no answer" });
    return;
  }
  showFacts(model);
}

function showFacts(facts) {
  for (const fact of ["name", "version", "device", "runtime", "state"]) {
    if (fact in facts) $(fact).textContent = facts[fact] ?? "…";
  }
  $("state").dataset.state = facts.state;
  if (facts.name) document.title = `${facts.name} · Slipway`;
}

/** Prepare the form for the inputs of the model. */
function prepareForm() {
  const types = pictureTypes();
  $("kinds").hidden = types.length === 0;
  $("key-input").hidden = !model.needs_key;
  $("form").elements.kind.value = types.length > 0 ? "picture" : "json";
  $("file").accept = types.join(",");
  $("json-label").textContent = model.asks ?? `A sample, or a list of samples: ${model.inputs.map(describe).join("; ")}`;
  // Do not replace what the user has typed in the meantime.
  if (model.example !== null && $("json").value === "") $("json").value = pretty(model.example);
  $("send").disabled = false;
  chooseKind();
}

function describe(tensor) {
  const shape = tensor.shape.slice(1).map((length) => (length === -1 ? "any" : length));
  return `${tensor.name} ${tensor.datatype} [${shape.join(", ")}]`;
}

function chooseKind() {
  const isPicture = chosenKind() === "picture";
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

/** Return the media type and the body to send, or the problem if the input cannot be sent. */
function request() {
  if (chosenKind() === "json") return { type: JSON_TYPE, body: $("json").value };
  const types = pictureTypes();
  if (picture === null) return { problem: "Drop or choose a picture first." };
  if (!types.includes(picture.type)) {
    return { problem: `${picture.name} is ${picture.type || "not a picture"}. The model accepts ${types.join(" and ")}.` };
  }
  if (picture.size > model.max_body_bytes) {
    return { problem: `${picture.name} is larger than the limit of ${model.max_body_bytes / MEBIBYTE} MiB.` };
  }
  return { type: picture.type, body: picture };
}

async function predict(event) {
  event.preventDefault();
  const input = request();
  $("time").textContent = "";
  $("response-details").hidden = true;
  if (input.problem) {
    $("answer").replaceChildren(problem("Nothing was sent", input.problem));
    return;
  }
  $("send").disabled = true;
  try {
    $("answer").replaceChildren(...(await send(input)));
  } catch (error) {
    $("answer").replaceChildren(problem("No answer", `The server did not answer, or its response is not JSON: ${error.message}`));
  } finally {
    $("send").disabled = false;
  }
}

/** Send an input to /predict; return the elements that show the response. */
async function send({ type, body }) {
  const start = performance.now();
  const headers = { "content-type": type };
  // The key stays in its field: this page stores it nowhere.
  if ($("key").value !== "") headers.authorization = `Bearer ${$("key").value.trim()}`;
  const response = await fetch("predict", { method: "POST", headers, body });
  const text = await response.text();
  const milliseconds = performance.now() - start;
  const content = JSON.parse(text);
  if (!response.ok) return [problem(`${response.status} ${content.title}`, content.detail)];
  $("time").textContent = `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms, version ${content.model_version}`;
  $("response-json").textContent = truncate(pretty(content));
  $("response-details").hidden = false;
  return predictions(content.predictions);
}

/** Show a link to the metrics if this browser can reach their port; else show the port. */
async function showMetrics() {
  const isDirect = ["127.0.0.1", "localhost"].includes(location.hostname) && location.port === `${model.port}`;
  const address = `http://${location.hostname}:${model.metrics_port}/metrics`;
  const isReachable = isDirect && (await fetch(address, { mode: "no-cors" }).then(() => true, () => false));
  const link = element(isReachable ? "a" : "span", "", isReachable ? "Metrics" : `Metrics: port ${model.metrics_port}, /metrics`);
  if (isReachable) link.href = address;
  $("metrics").replaceChildren(link);
}

function addListeners() {
  $("form").addEventListener("submit", predict);
  $("kinds").addEventListener("change", chooseKind);
  $("file").addEventListener("change", () => choosePicture($("file").files[0]));
  $("json").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("form").requestSubmit();
  });
  document.addEventListener("paste", (event) => choosePicture(event.clipboardData.files[0]));
  // On the whole page: if a file is dropped beside the drop area, the browser would open it instead of the page.
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
  prepareForm();
  addListeners();
  await showMetrics();
}

// Builds the elements that show predictions and problems. Texts of the model and of the user are only set as
// text, never as HTML.

const MAX_SAMPLES = 10;
const MAX_CHARACTERS = 4000;

/** Return a new element with a class, a text and children. */
export function element(name, className = "", text = "", children = []) {
  const created = document.createElement(name);
  if (className) created.className = className;
  if (text) created.textContent = text;
  created.append(...children);
  return created;
}

/** Return the elements that show the predictions in a response of /predict. */
export function predictions(all) {
  const shown = all.slice(0, MAX_SAMPLES).map((prediction, index) => {
    const body = prediction?.top ? labels(prediction.top) : element("pre", "", truncate(pretty(prediction)));
    if (all.length === 1) return body;
    return element("div", "sample", "", [element("h3", "", `Sample ${index + 1} of ${all.length}`), body]);
  });
  const hidden = all.length - shown.length;
  return hidden > 0 ? [...shown, element("p", "hint", `${hidden} more are in the complete response.`)] : shown;
}

/** Return a list of labels, each with its score as a number and as a bar. */
function labels(top) {
  const largest = Math.max(1, ...top.map(({ score }) => score));
  const rows = top.map(({ label, score }) => {
    const fill = element("span", "fill");
    fill.style.width = `${(100 * Math.max(0, score)) / largest}%`;
    return element("li", "", "", [
      element("span", "label", label),
      element("span", "score", formatScore(score)),
      element("span", "bar", "", [fill]),
    ]);
  });
  return element("ol", "labels", "", rows);
}

/** Return a score as text: from 0 to 1 as a percentage, any other with four digits. */
function formatScore(score) {
  return score >= 0 && score <= 1 ? `${(100 * score).toFixed(1)} %` : score.toPrecision(4);
}

/** Return the element that shows a problem: https://www.rfc-editor.org/rfc/rfc9457. */
export function problem(title, detail) {
  const shown = element("div", "problem", "", [element("strong", "", title), element("p", "", detail)]);
  shown.setAttribute("role", "alert");
  return shown;
}

/** Return a value as JSON, with each list of numbers, strings or null on a line of its own. */
export function pretty(value, indent = "") {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const isList = Array.isArray(value);
  const entries = isList
    ? value.map((item) => ["", item])
    : Object.entries(value).map(([name, item]) => [`${JSON.stringify(name)}: `, item]);
  const [open, close] = isList ? "[]" : "{}";
  const isFlat = entries.every(([, item]) => item === null || typeof item !== "object");
  const inner = `${indent}  `;
  const lines = entries.map(([name, item]) => name + pretty(item, inner));
  if (isFlat) return open + lines.join(", ") + close;
  return `${open}\n${lines.map((line) => inner + line).join(",\n")}\n${indent}${close}`;
}

/** Return a text shortened to a length that a browser shows quickly. */
export function truncate(text) {
  if (text.length <= MAX_CHARACTERS) return text;
  return `${text.slice(0, MAX_CHARACTERS)}\n… ${text.length - MAX_CHARACTERS} more characters`;
}

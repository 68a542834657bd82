// Answers and problems as elements. Text of the model and of the user is only ever set as text.

const MOST_SAMPLES = 10;
const MOST_CHARACTERS = 4000;

/** Return an element with a class, text and children. */
export function element(name, look = "", text = "", children = []) {
  const made = document.createElement(name);
  if (look) made.className = look;
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

/** Return the elements that show the predictions of /predict. */
export function predictions(all) {
  // A model's own code may answer with anything.
  if (!Array.isArray(all)) return [element("pre", "", cut(pretty(all)))];
  const shown = all.slice(0, MOST_SAMPLES).map((prediction, index) => {
    const body = prediction?.top ? labels(prediction.top) : element("pre", "", cut(pretty(prediction)));
    if (all.length === 1) return body;
    return element("div", "sample", "", [element("h3", "", `Sample ${index + 1} of ${all.length}`), body]);
  });
  const left = all.length - shown.length;
  return left > 0 ? [...shown, element("p", "hint", `${left} more are in the whole answer.`)] : shown;
}

/** Return labels with a bar for each score, the best first. */
function labels(top) {
  const most = Math.max(1, ...top.map(({ score }) => score));
  const rows = top.map(({ label, score }) => {
    const fill = element("span", "fill");
    fill.style.width = `${(100 * Math.max(0, score)) / most}%`;
    return element("li", "", "", [
      element("span", "label", label),
      element("span", "score", number(score)),
      element("span", "bar", "", [fill]),
    ]);
  });
  return element("ol", "labels", "", rows);
}

function number(score) {
  return score >= 0 && score <= 1 ? `${(100 * score).toFixed(1)} %` : score.toPrecision(4);
}

/** Return a problem in words: https://www.rfc-editor.org/rfc/rfc9457. */
export function problem(title, detail) {
  const shown = element("div", "problem", "", [element("strong", "", title), element("p", "", detail)]);
  shown.setAttribute("role", "alert");
  return shown;
}

/** Return JSON with each list of plain values on a line of its own. */
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

/** Return a text that a browser can show quickly. */
export function cut(text) {
  if (text.length <= MOST_CHARACTERS) return text;
  return `${text.slice(0, MOST_CHARACTERS)}\n… ${text.length - MOST_CHARACTERS} more characters`;
}

// Making elements, and nothing else.

/** The element with this id. */
export const $ = (id) => document.getElementById(id);

/** An element: `h("p.help", { title: "x", onclick }, "text", child)`. Nothing is ever read as HTML. */
export function h(kind, properties = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** A line drawing on a grid of 24. */
export function icon(path, size = 24) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 24 24", width: size, height: size, fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" })) svg.setAttribute(name, value);
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

export const ICONS = {
  check: "M5 13l4.5 4.5L19 7",
  cross: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  clock: "M12 7v5l3 2M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17Z",
  missed: "M4 5l7 7 7-7M18 10V5h-5M4 19c4.500-4 11.500-4 16 0",
  unknown: "M9 9a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.200-1.500 2.400M12 18v.01",
  stop: "M6 6h12v12H6z",
  bell: "M6 17V11a6 6 0 1 1 12 0v6l1.500 1.500h-15L6 17ZM10 21h4",
  calendar: "M5 6h14v14H5zM5 10h14M9 3.500v4M15 3.500v4",
  again: "M5 12a7 7 0 0 1 12-5l2 2M19 4v5h-5M19 12a7 7 0 0 1-12 5l-2-2M5 20v-5h5",
  back: "M14 6l-6 6 6 6",
  play: "M8 5.500v13l10-6.500z",
};

const due = new Set();

/** Runs `draw` once before the next frame, however often it is asked for; a page out of sight has no frames. */
export function soon(draw) {
  if (due.has(draw)) return;
  due.add(draw);
  const run = () => {
    due.delete(draw);
    draw();
  };
  if (document.hidden) setTimeout(run);
  else requestAnimationFrame(run);
}

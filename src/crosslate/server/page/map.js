// Words on a plane, as SVG.
import { element, svg } from "./dom.js";

const HEIGHT = 460;
const measure = document.createElement("canvas").getContext("2d");
const MARGIN = 26;
const SHAPES = [
  (x, y) => svg("circle", { cx: x, cy: y, r: 4 }),
  (x, y) => svg("rect", { x: x - 3.6, y: y - 3.6, width: 7.2, height: 7.2 }),
  (x, y) => svg("path", { d: `M${x} ${y - 5}l4.6 8.4h-9.2z` }),
  (x, y) => svg("path", { d: `M${x} ${y - 5.2}l5.2 5.2-5.2 5.2-5.2-5.2z` }),
  (x, y) => svg("circle", { cx: x, cy: y, r: 6.5 }),
];

// labels: by series; those that are left out have no line in the legend.
export function draw(figure, points, lines, labels, caption) {
  const style = getComputedStyle(figure);
  const width = Math.max(280, Math.round(figure.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)) || 640);
  const scale = (values, length) => {
    const low = Math.min(...values);
    const range = Math.max(...values) - low || 1;
    return (value) => MARGIN + ((value - low) / range) * (length - 2 * MARGIN);
  };
  const [toX, toY] = [scale(points.map((each) => each.x), width - 50), scale(points.map((each) => -each.y), HEIGHT)];
  const placed = points.map((each) => ({ ...each, x: toX(each.x), y: toY(-each.y) }));
  const image = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": `${caption} ${points.map((each) => each.word).join(", ")}` });
  for (const [from, to] of lines) {
    image.append(svg("line", { class: "tie", x1: placed[from].x, y1: placed[from].y, x2: placed[to].x, y2: placed[to].y }));
  }
  measure.font = `600 13px ${style.fontFamily}`;
  // A label covers no point either, not even its own.
  const taken = placed.map(({ x, y }) => ({ x: x - 5, y: y - 5, width: 10, height: 10 }));
  // The asked word is the last to be drawn over others, and the first to get its label.
  for (const each of [...placed].sort((one, other) => other.series - one.series)) {
    const group = svg("g", { class: `series-${each.series}` }, svg("title", {}, each.word), SHAPES[each.series](each.x, each.y));
    const box = free(each, taken, width);
    if (box) {
      taken.push(box);
      group.append(svg("text", { x: box.x, y: box.y + 11 }, each.word));
    }
    image.append(group);
  }
  const legend = element("p", { class: "legend" });
  labels.forEach((label, series) => {
    const key = svg("svg", { viewBox: "-8 -8 16 16", class: "key", "aria-hidden": "true" }, SHAPES[series](0, 0));
    legend.append(element("span", { class: `series-${series}` }, key, ` ${label}`));
  });
  figure.replaceChildren(legend, image, element("figcaption", {}, caption));
}

// A place for a label beside its point where no other label is; none where there is no room.
function free({ x, y, word }, taken, width) {
  const size = { width: measure.measureText(word).width + 2, height: 15 };
  const places = [[x + 8, y - 8], [x - 8 - size.width, y - 8], [x - size.width / 2, y - 22], [x - size.width / 2, y + 8]];
  return places.map(([left, top]) => ({ x: left, y: top, ...size })).find((box) =>
    box.x > 0 && box.x + box.width < width && box.y > 0 && box.y + box.height < HEIGHT &&
    taken.every((other) => box.x > other.x + other.width || other.x > box.x + box.width || box.y > other.y + other.height || other.y > box.y + box.height));
}

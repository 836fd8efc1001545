// Files of what a chart shows: its visible series as CSV, and its drawing as PNG. Loaded when the
// first one is wanted.

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "opacity"];
const MARGIN = { top: 54, right: 18, bottom: 34, left: 66 };
const ROW = 17;
const SHARPNESS = 2; // pixels of the file for one of the page

const title = (chart) => chart.querySelector("h2").textContent.trim().replace(/\s+/g, " ");

function save(chart, blob, kind) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${title(chart).toLowerCase().replace(/\s+/g, "-")}.${kind}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const quoted = (cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

// Amounts are counted in billionths.
function written(value, unit) {
  if (value === null) return "";
  return String(unit === "money" ? value / 1e9 : value);
}

export function csv(chart) {
  const shown = chart.shown();
  const cells = ({ values }) => shown.map((number) => written(values[number], chart.dataset.unit));
  const rows = [
    ["time", ...shown.map((number) => chart.series[number].label)],
    ...chart.buckets.map((bucket) => [bucket.link.dataset.name, ...cells(bucket)]),
  ];
  const text = rows.map((row) => row.map(quoted).join(",")).join("\r\n");
  save(chart, new Blob([`${text}\r\n`], { type: "text/csv;charset=utf-8" }), "csv");
}

// A copy whose elements carry the styles that the page gives them, since a picture has none.
function styled(svg) {
  const copy = svg.cloneNode(true);
  const originals = [...svg.querySelectorAll("*")];
  [...copy.querySelectorAll("*")].forEach((element, number) => {
    const style = getComputedStyle(originals[number]);
    if (style.display === "none") element.remove();
    else for (const name of DRAWN) element.setAttribute(name, style.getPropertyValue(name));
    if (style.vectorEffect !== "none") element.setAttribute("vector-effect", style.vectorEffect);
  });
  return copy;
}

function write(parent, text, x, y, attributes) {
  const element = document.createElementNS(SVG, "text");
  for (const [name, value] of Object.entries({ x, y, ...attributes })) element.setAttribute(name, value);
  element.textContent = text.trim();
  parent.append(element);
  return element;
}

// The width of a text in the font of the picture, whose letters differ a lot between languages.
function widthOf(text, font) {
  const context = document.createElement("canvas").getContext("2d");
  context.font = `${font["font-size"]}px ${font["font-family"]}`;
  return context.measureText(text).width;
}

const pathOf = (chart, number) => chart.svg.querySelector(`[data-series="${number}"]`);

// A square, or of a line a short piece with its dashes.
function swatch(picture, chart, number, x, y) {
  const path = pathOf(chart, number);
  const style = getComputedStyle(path || chart.legend[number].querySelector("i"));
  const drawn = path
    ? { x1: x, x2: x + 20, y1: y - 4.5, y2: y - 4.5, stroke: style.stroke, "stroke-dasharray": style.strokeDasharray }
    : { x, y: y - 9, width: 9, height: 9, rx: 2, fill: style.backgroundColor };
  const element = document.createElementNS(SVG, path ? "line" : "rect");
  if (path) drawn["stroke-width"] = 2;
  for (const [name, value] of Object.entries(drawn)) element.setAttribute(name, value);
  picture.append(element);
}

// The place of each shown series in the legend, in as many rows as it takes.
function places(chart, font, width) {
  let [x, row] = [0, 0];
  return chart.shown().map((number) => {
    const indent = pathOf(chart, number) ? 25 : 14;
    const wide = indent + widthOf(chart.series[number].label, font);
    if (x && x + wide > width) [x, row] = [0, row + 1];
    const place = { number, indent, row, x: MARGIN.left + x, y: 41 + row * ROW };
    x += wide + 16;
    return place;
  });
}

function picture(chart, box) {
  const page = getComputedStyle(document.body);
  const muted = getComputedStyle(chart.querySelector(".axis-y span")).color;
  const font = { "font-family": "sans-serif", "font-size": 12, fill: muted };
  const legend = places(chart, font, box.width);
  const top = MARGIN.top + legend.at(-1).row * ROW;
  const [width, height] = [box.width + MARGIN.left + MARGIN.right, box.height + top + MARGIN.bottom];
  const whole = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({ xmlns: SVG, width, height })) whole.setAttribute(name, value);
  const plot = styled(chart.svg);
  const place = { x: MARGIN.left, y: top, width: box.width, height: box.height };
  for (const [name, value] of Object.entries(place)) plot.setAttribute(name, value);
  whole.append(plot);
  write(whole, title(chart), MARGIN.left, 20, { ...font, fill: page.color, "font-size": 14, "font-weight": 600 });
  for (const { number, indent, x, y } of legend) {
    swatch(whole, chart, number, x, y);
    write(whole, chart.series[number].label, x + indent, y, font);
  }
  for (const label of chart.querySelectorAll(".axis-y span")) {
    const y = top + (parseFloat(label.style.top) / 100) * box.height + 4;
    write(whole, label.textContent, MARGIN.left - 8, y, { ...font, "text-anchor": "end" });
  }
  for (const label of chart.querySelectorAll(".axis-x span")) {
    const x = MARGIN.left + (parseFloat(label.style.left) / 100) * box.width;
    write(whole, label.textContent, x, height - 14, { ...font, "text-anchor": "middle" });
  }
  return { whole, width, height };
}

export async function png(chart) {
  const { whole, width, height } = picture(chart, chart.svg.getBoundingClientRect());
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(whole))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width * SHARPNESS, height * SHARPNESS];
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(chart.closest(".card")).backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  save(chart, await new Promise((made) => canvas.toBlob(made)), "png");
}

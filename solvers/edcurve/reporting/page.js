"use strict";
// Draws what the page holds as data, in the colours of the page, and again when these change.
const config = {
  responsive: true,
  displaylogo: false,
  modeBarButtons: [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]], // none that sends data
};
const figures = JSON.parse(document.getElementById("figures").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");

function themed(layout) {
  const style = getComputedStyle(document.documentElement);
  const [text, rule, raised, faint] = ["--text", "--rule", "--raised", "--faint"].map((name) => style.getPropertyValue(name).trim());
  const axis = { gridcolor: rule, linecolor: text, zerolinecolor: rule, automargin: true };
  return {
    ...layout,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: text, family: "system-ui, sans-serif" },
    hoverlabel: { bgcolor: raised, font: { color: text }, align: "left" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: faint, activecolor: text },
    legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom" },
    margin: { l: 40, r: 10, t: 30, b: 40 },
    xaxis: { ...layout.xaxis, ...axis, type: layout.xaxis.type || (logarithmic.checked ? "log" : "linear") },
    yaxis: { ...layout.yaxis, ...axis },
  };
}

function draw() {
  for (const [id, figure] of Object.entries(figures)) {
    Plotly.react(id, figure.data, themed(figure.layout), config);
  }
}

const logarithmic = document.getElementById("logarithmic");
logarithmic.addEventListener("change", draw);
dark.addEventListener("change", draw);
draw();

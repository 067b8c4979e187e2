package draw

// Style is the style sheet of every SVG, the same text each time. A page that
// puts an SVG into itself can allow it by its hash.
const Style = `
.callflow-picture{font-family:Helvetica,Arial,"Liberation Sans",sans-serif;font-size:13px}
.callflow-picture .back{fill:#fff}
.callflow-picture text{fill:#1b1f24}
.callflow-picture .title{font-size:17px;font-weight:bold}
.callflow-picture .module,.callflow-picture .note{font-size:11px;fill:#57606a}
.callflow-picture .mark{font-size:11px;font-weight:bold;fill:#a3160c}
.callflow-picture .what{font-size:11px;font-style:italic}
.callflow-picture .edge{fill:none;stroke:#6e7781;stroke-width:1.5}
.callflow-picture .edge.never,.callflow-picture .edge.gone{stroke-dasharray:3 3}
.callflow-picture .head{fill:#6e7781}
.callflow-picture .box{fill:#f6f8fa;stroke:#6e7781;stroke-width:1.2}
.callflow-picture .bar{fill:none;stroke:#4b5560;stroke-width:1.2}
.callflow-picture .ask .box{fill:#fff4d6;stroke:#8a6100}
.callflow-picture .ring .box{fill:#e3f0ff;stroke:#1f5fa8}
.callflow-picture .jump .box{fill:#f0e8ff;stroke:#6a3fb5}
.callflow-picture .end .box{fill:#eceff1;stroke:#4b5560}
.callflow-picture .broken .box{fill:#ffe9e7;stroke:#a3160c;stroke-dasharray:6 3}
.callflow-picture .fold .box{fill:#fff;stroke-dasharray:2 3}
.callflow-picture .marked .box{stroke:#a3160c;stroke-dasharray:6 3}
.callflow-picture .tab{fill:#3d4752}
.callflow-picture .tab.never{fill:#a3160c}
.callflow-picture .key{font-size:11px;font-weight:bold;fill:#fff}
.callflow-picture a .text{text-decoration:underline}
.callflow-picture a:focus .box,.callflow-picture a:hover .box{stroke-width:3}
.callflow-picture .entry rect{fill:#e6f4ea;stroke:#1a6b34;stroke-width:1.2}
.callflow-picture .entry text{font-size:11px}
.callflow-picture .pattern text{font-family:monospace}
.callflow-picture .feature rect{stroke-width:2.4}
.callflow-picture .more rect{fill:none;stroke-dasharray:2 3}
.callflow-picture .added .box,.callflow-picture .entry.added rect{stroke:#1a6b34;stroke-width:3}
.callflow-picture .removed .box,.callflow-picture .entry.removed rect{stroke:#a3160c;stroke-width:2;stroke-dasharray:6 4;fill:none}
.callflow-picture .removed .text,.callflow-picture .entry.removed text{text-decoration:line-through}
.callflow-picture .changed .box{stroke-width:1.6}
.callflow-picture .inner{fill:none;stroke:#8a6100;stroke-width:1.6}
.callflow-picture .moved .box{stroke:#6a3fb5;stroke-width:2.4;stroke-dasharray:1.5 3.5;stroke-linecap:round}
.callflow-picture .way .box,.callflow-picture .entry.took rect{stroke-width:3.2}
.callflow-picture .entry.took text{font-weight:bold}
.callflow-picture .edge.way{stroke-width:3.6;stroke:#1b1f24}
.callflow-picture .tab,.callflow-picture .node .tab{stroke:none}
.callflow-picture .badge{fill:#1b1f24}
.callflow-picture .sign{font-size:13px;font-weight:bold;text-anchor:middle;fill:#fff}
.callflow-picture .added .badge{fill:#1a6b34}
.callflow-picture .removed .badge{fill:#a3160c}
.callflow-picture .changed .badge{fill:#8a6100}
.callflow-picture .moved .badge{fill:#6a3fb5}
@media (prefers-color-scheme:dark){
.callflow-picture .back{fill:#0f1419}
.callflow-picture text{fill:#e6edf3}
.callflow-picture .module,.callflow-picture .note{fill:#a9b4bf}
.callflow-picture .mark{fill:#ff9d94}
.callflow-picture .edge{stroke:#8b949e}
.callflow-picture .head{fill:#8b949e}
.callflow-picture .edge.way{stroke:#e6edf3}
.callflow-picture .box{fill:#1c2229;stroke:#7d8793}
.callflow-picture .bar{stroke:#9aa4af}
.callflow-picture .ask .box{fill:#3a2f10;stroke:#d9a93a}
.callflow-picture .ring .box{fill:#12304f;stroke:#6cb0ff}
.callflow-picture .jump .box{fill:#2e2150;stroke:#b79bff}
.callflow-picture .end .box{fill:#2a2f36;stroke:#9aa4af}
.callflow-picture .broken .box{fill:#45191a;stroke:#ff9d94}
.callflow-picture .fold .box{fill:#0f1419}
.callflow-picture .marked .box{stroke:#ff9d94}
.callflow-picture .tab{fill:#c9d1d9}
.callflow-picture .tab.never{fill:#ff9d94}
.callflow-picture .key{fill:#0f1419}
.callflow-picture .entry rect{fill:#12331f;stroke:#5fc27e}
.callflow-picture .added .box,.callflow-picture .entry.added rect{stroke:#5fc27e}
.callflow-picture .removed .box,.callflow-picture .entry.removed rect{stroke:#ff9d94;fill:none}
.callflow-picture .inner{stroke:#d9a93a}
.callflow-picture .moved .box{stroke:#b79bff}
.callflow-picture .badge{fill:#e6edf3}
.callflow-picture .sign{fill:#0f1419}
.callflow-picture .added .badge{fill:#5fc27e}
.callflow-picture .removed .badge{fill:#ff9d94}
.callflow-picture .changed .badge{fill:#d9a93a}
.callflow-picture .moved .badge{fill:#b79bff}
}
`

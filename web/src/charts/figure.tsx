// A plot made by Observable Plot inside a Preact page: drawn again when its options or width change.
import * as Plot from "@observablehq/plot";
import { useEffect, useRef, useState } from "preact/hooks";

export interface FigureProps {
  // The description that a screen reader gives instead of the picture.
  label: string;
  options: (width: number) => Plot.PlotOptions;
}

export function Figure({ label, options }: FigureProps) {
  const host = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    const element = host.current;
    if (!element || width === 0) return;
    const plot = Plot.plot({ style: { fontSize: "12px" }, marginBottom: 44, ...options(width), width, className: "plot", ariaLabel: label });
    // Plot's own style sheet inside the picture is what a strict Content-Security-Policy forbids; the
    // pages' style sheets hold the same rules for `.plot`.
    for (const style of plot.querySelectorAll("style")) style.remove();
    // The picture has one name; Plot's names for its marks ("rule", "dot") would not be allowed on <g>.
    for (const mark of plot.querySelectorAll("g[aria-label]")) mark.removeAttribute("aria-label");
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", label);
    element.replaceChildren(plot);
  }, [label, options, width]);

  return <div class="figure" ref={host} />;
}

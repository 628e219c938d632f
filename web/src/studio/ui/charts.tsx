// The plots, fetched when the first one is shown: most views draw none, and the first paint waits
// for nothing that it does not need.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { CurveProps } from "../../charts/curve";
import type { StemPlotProps } from "../../charts/stem";
import type { TradeOffProps } from "../../charts/trade_off";
import { t } from "../i18n/i18n";

function lazily<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let loaded: ComponentType<P> | null = null;
  return function Lazy(props: P) {
    const [Part, setPart] = useState<{ is: ComponentType<P> } | null>(loaded ? { is: loaded } : null);
    useEffect(() => {
      if (Part) return;
      let wanted = true;
      void load().then((part) => {
        loaded = part;
        if (wanted) setPart({ is: part });
      });
      return () => {
        wanted = false;
      };
    }, []);
    return Part ? <Part.is {...props} /> : <div class="figure waiting">{t("opening")}</div>;
  };
}

export const StemPlot = lazily<StemPlotProps>(async () => (await import("../../charts/stem")).StemPlot);
export const TradeOffPlot = lazily<TradeOffProps>(async () => (await import("../../charts/trade_off")).TradeOffPlot);
export const CurvePlot = lazily<CurveProps>(async () => (await import("../../charts/curve")).CurvePlot);

// Opens the report: reads the data that the program put into the page and draws it.
import { render } from "preact";
import { parseReport } from "./data";
import { Report } from "./report";
import "./report.css";

const host = document.getElementById("report")!;
const data = document.getElementById("report-data");
try {
  if (!data?.textContent) throw new Error("the page holds no report data");
  host.replaceChildren();
  render(<Report report={parseReport(data.textContent)} />, host);
} catch (error) {
  host.textContent = `This report cannot be shown: ${error instanceof Error ? error.message : String(error)}`;
}

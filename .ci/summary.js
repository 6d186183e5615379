// Prints jest's JSON report as one line, and exits with 1 unless every test ran and passed: node .ci/summary.js REPORT
import { readFileSync } from "node:fs";

const report = JSON.parse(readFileSync(process.argv[2], "utf8"));
// A file that cannot even be loaded holds no test that could fail: it counts as one.
const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
const skipped = report.numPendingTests + report.numTodoTests;

for (const file of report.testResults) {
  for (const test of file.assertionResults) {
    if (test.status !== "passed") console.log(`${test.status}: ${test.fullName} (${file.name})`);
  }
}
console.log(`${report.numPassedTests} passed, ${failed} failed, ${skipped} skipped`);
if (failed + skipped > 0 || report.numPassedTests === 0) process.exitCode = 1;

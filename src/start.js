// The first file that node sees: plain JavaScript for any version, so that an old runtime gets a sentence, not a crash.
const major = Number(process.versions.node.split(".")[0]);
if (major < 26) {
  process.stderr.write(
    `wasmgate needs Node.js 26 or newer, and this is ${process.versions.node}: ` +
      "run `npm ci` and then `npm start` in its folder, which use the Node.js 26 that npm installs beside it.\n",
  );
  process.exitCode = 1;
} else {
  import("./main.ts");
}

/**
 * The process: environment -> config -> gateway -> listening, until a signal ends it. The only place that exits.
 *
 *   exit code 0   told to stop, and stopped      1   could not start or failed      78   a setting is wrong (EX_CONFIG)
 */
import { ConfigError, readConfig, type Config } from "./config.ts";
import { openGateway, type Gateway } from "./gateway.ts";
import { createLog } from "./log.ts";

const exConfig = 78;

await main();

async function main(): Promise<void> {
  let config: Config;
  try {
    config = readConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = exConfig;
    return;
  }
  const log = createLog({ level: config.logLevel });
  // Before anything is opened: whoever stops us while we start must not leave a half-open folder behind.
  const stopped = stopSignal();
  process.on("uncaughtException", (error) => {
    log.error("uncaught exception", { error });
    void log.close().finally(() => process.exit(1));
  });
  let doing = "start";
  try {
    const gateway = await openGateway(config, log);
    const signal = await stopped;
    doing = "stop";
    log.info("stopping", { signal });
    await close(gateway, config);
    log.info("stopped");
    await log.close();
    process.exit(0);
  } catch (error) {
    log.error(`the gateway cannot ${doing}`, { error });
    process.stderr.write(`wasmgate: ${error instanceof Error ? error.message : String(error)}\n`);
    await log.close();
    process.exit(1);
  }
}

/** Resolves with the first signal that asks us to stop; a second one ends the process at once. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const signals = ["SIGTERM", "SIGINT"] as const;
    let asked = false;
    for (const signal of signals) {
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        resolve(signal);
      });
    }
  });
}

/** Closes the gateway; what does not end within twice the grace period is left behind. */
async function close(gateway: Gateway, config: Config): Promise<void> {
  const late = setTimeout(() => process.exit(1), 2 * config.shutdownGraceMs + 10_000);
  await gateway.close();
  clearTimeout(late);
}

/**
 * From what was asked to a function's record, or to a refusal that says which image it is about: the two ends of
 * deploying, without the way.
 */
import { checkStart, limitsOf, type Limits } from "./calls.ts";
import { GatewayError } from "./errors.ts";
import type { Reference } from "./oci/reference.ts";
import type { Pulled } from "./pulls.ts";
import type { CallLimits } from "./runtime/protocol.ts";
import type { FunctionRecord } from "./store/catalog.ts";
import { chooseContract } from "./wasm/contract.ts";

/** A function to deploy. Names and maps have been checked by the dialect. */
export type DeployRequest = {
  readonly namespace: string;
  readonly name: string;
  readonly image: Reference;
  readonly wasiCap: boolean;
  readonly exportName?: string;
  readonly limits: Limits;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Replace a function of this name, if there is one, instead of refusing. */
  readonly update: boolean;
};

/**
 * Makes the record of a function whose module has been pulled, in place of the record of before, if there is one.
 * @throws {GatewayError} INVALID_REQUEST (limits), MODULE_UNSUPPORTED
 */
export function recordOf(
  request: DeployRequest,
  pulled: Pulled,
  { base, before }: { readonly base: CallLimits; readonly before: FunctionRecord | undefined },
): FunctionRecord {
  const { namespace, name, image, wasiCap, exportName, limits, env, labels } = request;
  const { info } = pulled.compiled;
  const wish = { functionName: name, wasiCap, ...(exportName === undefined ? {} : { exportName }) };
  const contract = chooseContract(info, wish);
  checkStart(info, limitsOf(base, limits), base);
  const now = new Date().toISOString();
  return {
    ...{ namespace, name, image: image.text },
    imageDigest: pulled.image.digest,
    moduleDigest: pulled.digest,
    moduleSizeBytes: pulled.sizeBytes,
    ...{ wasiCap, contract, limits, env, labels },
    createdAt: before?.createdAt ?? now,
    updatedAt: now,
  };
}

/** Says which image a module's refusal is about: whoever reads the module's bytes knows no image, and one pull serves many. */
export function naming(image: Reference, error: unknown): unknown {
  if (!(error instanceof GatewayError)) return error;
  const { code, message, cause } = error;
  if (code !== "MODULE_INVALID" && code !== "MODULE_UNSUPPORTED") return error;
  return new GatewayError(code, `${image.text}: ${message}`, { cause });
}

/** The GatewayError that an action throws; anything else fails the test. */
import { GatewayError } from "../../src/errors.ts";

/** Runs an action that must refuse and returns its refusal. */
export function refusalOf(action: () => unknown): GatewayError {
  try {
    action();
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw new Error("expected a GatewayError", { cause: error });
  }
  throw new Error("expected a GatewayError, but nothing was thrown");
}

/** Values for an Authorization header, together with what must not be shown of them. RFC 7617, RFC 6750. */
import type { Credential } from "./credentials.ts";

/** What a request carries to prove who sends it. */
export type Authorization = {
  readonly value: string;
  /** What must never be shown: the token, or the password and its base64. */
  readonly secrets: readonly string[];
  /** What a token was asked for, to see whether another challenge asks for something else. */
  readonly scope: string | undefined;
};

/** Makes the value of a Basic header. */
export function basicOf(user: { readonly username: string; readonly password: string }): Authorization {
  const encoded = Buffer.from(`${user.username}:${user.password}`, "utf8").toString("base64");
  return { value: `Basic ${encoded}`, secrets: [encoded, user.password], scope: undefined };
}

/** Makes the value of a Bearer header. */
export function bearerOf(token: string, scope?: string): Authorization {
  return { value: `Bearer ${token}`, secrets: [token], scope };
}

/** Makes what a token server is shown: a user and password, or an identity token in a password's place. */
export function shownToTokenServer(credential: Credential | undefined): Authorization | undefined {
  if (credential?.kind === "password") return basicOf(credential);
  if (credential?.kind !== "identity") return undefined;
  const { value, secrets } = basicOf({ username: credential.username, password: credential.identityToken });
  return { value, secrets, scope: undefined };
}

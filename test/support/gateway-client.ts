/** Speaks the WasmEngine dialect to a gateway, as curl does. */

/** What came back. */
export type Answer = { readonly status: number; readonly text: string; readonly headers: Headers };

/** A function to deploy, in the dialect's words. */
export type Deploy = {
  readonly function_name: string;
  readonly function_image: string;
  readonly [member: string]: unknown;
};

/** A client of one gateway. */
export class GatewayClient {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  deploy(request: Deploy): Promise<Answer> {
    return this.post("/function/deploy", request);
  }

  remove(name: string): Promise<Answer> {
    return this.post("/function/delete", { function_name: name });
  }

  /** Calls a function; text is sent as the JSON of its arguments, so that a number can be written in any way. */
  invoke(name: string, args?: unknown, more: object = {}): Promise<Answer> {
    if (typeof args !== "string") return this.post("/function/invoke", { function_name: name, args, ...more });
    return this.post("/function/invoke", `{"function_name":${JSON.stringify(name)},"args":${args}}`);
  }

  /** Calls a function that must answer, and returns its result. */
  async result(name: string, args?: unknown, more: object = {}): Promise<string> {
    const { status, text } = await this.invoke(name, args, more);
    if (status !== 200 || !text.startsWith(ok)) throw new Error(`invoke ${name}: ${text}`);
    return text.slice(ok.length);
  }

  /** Deploys a function, which must succeed. */
  async mustDeploy(request: Deploy): Promise<void> {
    const { status, text } = await this.deploy(request);
    if (status !== 200) throw new Error(`deploy ${request.function_name}: ${text}`);
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#send(path, { headers });
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return this.#send(path, {
      method: "POST",
      body: text,
      headers: { "content-type": "application/json", ...headers },
    });
  }

  async #send(path: string, init: RequestInit): Promise<Answer> {
    const response = await fetch(`${this.url}${path}`, init);
    return { status: response.status, text: await response.text(), headers: response.headers };
  }
}

const ok = "status code: 200, message: ";

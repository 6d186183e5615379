/**
 * Which manifest of an index to take: the first of the most fitting platform, as OCI writes them, os/architecture.
 *
 *   wasip1/wasm > wasi/wasm > wasm/wasm > unknown but of a wasm artifact type > linux/amd64 > this machine's > the only one
 *
 * Docker-built images are FROM scratch with one file and carry the builder's platform, hence the last three. What
 * BuildKit adds about how an image was made (attestations) is no image.
 */
import { GatewayError } from "../errors.ts";
import { printable } from "./failure.ts";
import { manifestTypes, type IndexEntry } from "./manifest.ts";

type Candidate = { readonly entry: IndexEntry; readonly platform: string };

const mostListed = 10;
const here = `linux/${{ x64: "amd64", ia32: "386" }[process.arch as string] ?? process.arch}`;

/** From the most fitting on; each tells whether it is met. */
const preferences: readonly ((candidate: Candidate) => boolean)[] = [
  ({ platform }) => platform === "wasip1/wasm",
  ({ platform }) => platform === "wasi/wasm",
  ({ platform }) => platform === "wasm/wasm",
  ({ platform, entry }) => platform === "unknown" && /\bwasm\b/.test(entry.artifactType ?? ""),
  ({ platform }) => platform === "linux/amd64",
  ({ platform }) => platform === here,
];
const wasmPreferences = 4;

/**
 * Chooses the entry of an index that holds our image.
 * @throws {GatewayError} IMAGE_UNSUPPORTED with the platforms there are
 */
export function choosePlatform(entries: readonly IndexEntry[], image: string): IndexEntry {
  const candidates = entries
    .filter((entry) => Object.values<string>(manifestTypes).includes(entry.mediaType) && !isAttestation(entry))
    .map((entry) => ({ entry, platform: platformOf(entry) }));
  const usable = candidates.filter(({ platform }) => platform !== "js/wasm" && platform !== "wasip2/wasm");
  const wasm = firstOf(usable, preferences.slice(0, wasmPreferences));
  if (wasm === undefined && candidates.some(({ platform }) => platform === "wasip2/wasm")) {
    throw new GatewayError(
      "IMAGE_UNSUPPORTED",
      `${image} holds a component (platform wasip2/wasm), which is not supported; build a core module for wasip1`,
    );
  }
  const found =
    wasm ?? firstOf(usable, preferences.slice(wasmPreferences)) ?? (usable.length === 1 ? usable[0] : undefined);
  if (found !== undefined) return found.entry;
  const platforms = candidates.slice(0, mostListed).map(({ platform }) => printable(platform));
  throw new GatewayError(
    "IMAGE_UNSUPPORTED",
    `${image} is an index with ${platforms.length === 0 ? "no images" : `images for ${platforms.join(", ")}`}; ` +
      "wasip1/wasm, wasi/wasm or linux/amd64 would work",
  );
}

function firstOf(candidates: readonly Candidate[], preferred: typeof preferences): Candidate | undefined {
  for (const preference of preferred) {
    const found = candidates.find(preference);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isAttestation(entry: IndexEntry): boolean {
  return entry.annotations?.["vnd.docker.reference.type"] === "attestation-manifest";
}

/** Old Docker Desktops wrote wasm32 for wasm. */
function platformOf({ platform }: IndexEntry): string {
  const os = platform?.os || "unknown";
  const architecture = platform?.architecture || "unknown";
  if (os === "unknown" && architecture === "unknown") return "unknown";
  return `${os}/${architecture === "wasm32" ? "wasm" : architecture}`;
}

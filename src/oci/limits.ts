/**
 * What bounds a pull: every number that a hostile or broken registry could otherwise choose for us.
 * The defaults are those of the big clients where these agree (containerd, oras-go, go-containerregistry).
 */

/** Bounds on pulling one image; each is a setting. */
export type PullLimits = {
  readonly manifestBytes: number;
  readonly configBytes: number;
  readonly tokenBytes: number;
  readonly errorBytes: number;
  readonly inlineDataBytes: number;
  /** Entries of an index, and layers of a manifest. */
  readonly indexEntries: number;
  /** Indexes inside of indexes; 1 allows only an index of manifests. */
  readonly indexDepth: number;
  /** A layer as it travels. */
  readonly layerBytes: number;
  /** A layer after decompression, padding included. */
  readonly decompressedBytes: number;
  /** The one file that is kept. */
  readonly moduleBytes: number;
  readonly tarEntries: number;
  /** One long name or one block of pax records in a tar. */
  readonly tarHeaderBytes: number;
  /** log2 of the memory that a zstd frame may ask for. */
  readonly zstdWindowLog: number;
  readonly redirects: number;
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  /** Silence in the middle of a body. */
  readonly idleTimeoutMs: number;
  /** A manifest, config or token, all retries included. */
  readonly documentTimeoutMs: number;
  /** One resolve, or one blob, from the first byte to the last. */
  readonly pullTimeoutMs: number;
  /** Tries of one request, the first included; also how often a cut blob is resumed. */
  readonly attempts: number;
  /** Pause before the second try; doubles each time. */
  readonly retryBaseMs: number;
  readonly retryCapMs: number;
  /** A Retry-After beyond this is reported instead of waited for. */
  readonly retryAfterCapMs: number;
  readonly parallelPulls: number;
};

const KiB = 1024;
const MiB = 1024 * KiB;

/** The limits that hold where no setting says otherwise. */
export const defaultPullLimits: PullLimits = Object.freeze({
  manifestBytes: 4 * MiB,
  configBytes: 1 * MiB,
  tokenBytes: 128 * KiB,
  errorBytes: 64 * KiB,
  inlineDataBytes: 64 * KiB,
  indexEntries: 256,
  indexDepth: 2,
  layerBytes: 64 * MiB,
  decompressedBytes: 256 * MiB,
  moduleBytes: 64 * MiB,
  tarEntries: 1024,
  tarHeaderBytes: 64 * KiB,
  zstdWindowLog: 23,
  redirects: 5,
  connectTimeoutMs: 10_000,
  headersTimeoutMs: 30_000,
  idleTimeoutMs: 30_000,
  documentTimeoutMs: 30_000,
  pullTimeoutMs: 300_000,
  attempts: 5,
  retryBaseMs: 250,
  retryCapMs: 10_000,
  retryAfterCapMs: 60_000,
  parallelPulls: 4,
});

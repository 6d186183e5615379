/**
 * Stands before tar-stream 3.2.2 and lets through only archives that it reads in bounded time and as everybody else
 * does. What tar-stream itself does not do, and why it matters:
 *
 *   - bound the number of headers: each pax header copies all global ones; 64 KiB of these and 3000 small headers,
 *     together 49 KiB when compressed, cost 7 s of the event loop before there was a bound here
 *   - stop at the end marker: it goes on swallowing zeros, and reads headers after them that other tools never see
 *   - skip the data of a directory, survive a pax header of no length, or agree with others about pax sizes
 *
 * https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html and the GNU extensions L, K, base-256.
 */
import { Transform, type TransformCallback } from "node:stream";
import { GatewayError } from "../errors.ts";
import type { PullLimits } from "./limits.ts";

type Bounds = Pick<PullLimits, "tarEntries" | "tarHeaderBytes" | "decompressedBytes">;

const blockBytes = 512;
const zeros = Buffer.alloc(64 * 1024);
/** Headers that only tell of the next entry: pax, global pax, GNU long link, long name, old long name. */
const describing = "xgKLN";
/** pax and GNU headers that one entry may have together. */
const mostDescribing = 4;
/** How many of the longest ones all entries may have together: 1024 paths of 300 bytes fit well. */
const longestOnes = 16;
/** What every later header costs again; git writes 52 bytes. */
const longestGlobal = 4096;

/**
 * Makes a stream that passes a tar on up to its end marker.
 * @throws {GatewayError} IMAGE_INVALID IMAGE_TOO_LARGE through the stream
 */
export function tarGuard(image: string, bounds: Bounds): Transform {
  const state = new Guard(image, bounds);
  return new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
      try {
        done(null, state.pass(chunk));
      } catch (error) {
        done(error instanceof GatewayError ? error : new Error("the tar guard failed", { cause: error }));
      }
    },
  });
}

/** Where in the archive we are. */
class Guard {
  readonly #image: string;
  readonly #bounds: Bounds;
  /** A header block as far as it has come. */
  readonly #header = Buffer.alloc(blockBytes);
  #headerBytes = 0;
  /** What is left of an entry's data, padding included. */
  #dataBytes = 0;
  /** The pax records that are being read. */
  #records: Buffer[] | undefined;
  #ended = false;
  #entries = 0;
  #describingInARow = 0;
  #describingBytes = 0;

  constructor(image: string, bounds: Bounds) {
    this.#image = image;
    this.#bounds = bounds;
  }

  /** Returns as much of a chunk as belongs to the archive. */
  pass(chunk: Buffer): Buffer {
    let at = 0;
    while (at < chunk.byteLength && !this.#ended) {
      if (this.#dataBytes > 0) {
        const part = chunk.subarray(at, at + this.#dataBytes);
        this.#data(part);
        at += part.byteLength;
      } else {
        const copied = chunk.copy(this.#header, this.#headerBytes, at, at + blockBytes - this.#headerBytes);
        this.#headerBytes += copied;
        at += copied;
        if (this.#headerBytes === blockBytes) this.#block();
      }
    }
    const rest = chunk.subarray(at);
    for (let from = 0; from < rest.byteLength; from += zeros.byteLength) {
      const part = rest.subarray(from, from + zeros.byteLength);
      if (!part.equals(zeros.subarray(0, part.byteLength))) throw this.#invalid("goes on after its end");
    }
    return chunk.subarray(0, at);
  }

  #data(part: Buffer): void {
    this.#dataBytes -= part.byteLength;
    this.#records?.push(part);
    if (this.#dataBytes > 0 || this.#records === undefined) return;
    // A size in a pax record only serves files over 8 GiB, and readers differ in whether it moves the next header.
    if (Buffer.concat(this.#records).includes(" size=")) throw this.#invalid("states a size in a pax record");
    this.#records = undefined;
  }

  #block(): void {
    this.#headerBytes = 0;
    if (this.#header.equals(zeros.subarray(0, blockBytes))) {
      this.#ended = true;
      return;
    }
    const size = this.#size();
    const type = this.#header.toString("latin1", 156, 157).replace("\0", "0");
    if (describing.includes(type)) this.#describing(type, size);
    else this.#entry(type, size);
    this.#dataBytes = Math.ceil(size / blockBytes) * blockBytes;
  }

  #describing(type: string, size: number): void {
    this.#describingInARow += 1;
    if (size === 0) throw this.#invalid("has an empty extended header");
    this.#describingBytes += size;
    const longest = type === "g" ? Math.min(longestGlobal, this.#bounds.tarHeaderBytes) : this.#bounds.tarHeaderBytes;
    const all = longestOnes * this.#bounds.tarHeaderBytes;
    if (size > longest || this.#describingBytes > all || this.#describingInARow > mostDescribing) {
      throw this.#tooLarge(`extended headers that are too long or too many (${longest} bytes, ${all} together)`);
    }
    if (type === "x" || type === "g") this.#records = [];
  }

  #entry(type: string, size: number): void {
    // A sparse file's map may take further blocks that no size tells of.
    if (type === "S") throw this.#invalid("has a sparse file");
    this.#describingInARow = 0;
    this.#entries += 1;
    if (this.#entries > this.#bounds.tarEntries) throw this.#tooLarge(`more than ${this.#bounds.tarEntries} entries`);
    if (size > this.#bounds.decompressedBytes) throw this.#tooLarge(`a file of ${size} bytes`);
    const name = text(this.#header.subarray(0, 100));
    const isFolder = type === "5" || (type === "0" && (name === "" || name.endsWith("/")));
    if (isFolder && size > 0) throw this.#invalid("has a folder with contents of its own");
  }

  #size(): number {
    const field = this.#header.subarray(124, 136);
    const [first = 0] = field;
    if (first < 0x80) {
      const digits = field.toString("latin1");
      if (!/^ *[0-7]*[ \0]*$/.test(digits)) throw this.#invalid("has a size that is no number");
      return Number.parseInt(digits.trim() || "0", 8) || 0;
    }
    const size = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
    if (first !== 0x80 || !Number.isSafeInteger(size)) throw this.#invalid("has a size that is no number");
    return size;
  }

  #invalid(how: string): GatewayError {
    return new GatewayError("IMAGE_INVALID", `${this.#image}: its layer's tar archive ${how}`);
  }

  #tooLarge(what: string): GatewayError {
    return new GatewayError("IMAGE_TOO_LARGE", `${this.#image}: its layer's tar archive has ${what}`);
  }
}

function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? field.byteLength : end);
}

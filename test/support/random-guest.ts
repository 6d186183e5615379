/**
 * Guests that do little but change state, in all the ways there are, at addresses around which mistakes would lie: the
 * ends of pages and of the memory, locals with constants added, before and behind assignments, in loops and branches.
 */
import { oneOf, type Random } from "./random.ts";
import { atomicForms, constants, counts, globalSets, offsets, rmw, type Store, stores } from "./store-forms.ts";
import { wat } from "./wat.ts";

const v128 = "(v128.const i64x2 -1 0x1234567890abcdef)";

/** Makes one guest; its functions f0, f1 … take (i32 i32 i64) and return i32. */
export function randomGuest(random: Random): Uint8Array<ArrayBuffer> {
  return wat(randomGuestText(random));
}

/** The same as text, for a look at one that fails. */
export function randomGuestText(random: Random): string {
  return new GuestText(random).module();
}

class GuestText {
  readonly #random: Random;
  readonly #functions: number;
  #self = 0;
  #depth = 0;
  #labels = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#functions = 1 + random(4);
  }

  module(): string {
    const bodies = Array.from({ length: this.#functions }, (_, index) => this.#function(index));
    const minimum = this.#random(8) === 0 ? 0 : 1 + this.#random(4);
    const maximum = this.#random(2) === 0 ? "" : String(minimum + this.#random(6));
    const data = minimum > 0 && this.#random(3) > 0 ? `(data (i32.const ${this.#random(60000)}) "some data")` : "";
    const start =
      this.#random(6) === 0
        ? `(func $s (drop (call $f0 (i32.const 9) (i32.const 5000) (i64.const 3)))) (start $s)`
        : "";
    return `(module (memory ${minimum} ${maximum}) ${data} (data $passive "${"passive ".repeat(this.#random(6) === 0 ? 8750 : 20)}")
      (global $g0 (mut i32) (i32.const 7)) (global $g1 (mut i64) (i64.const -7)) (global $g2 (mut f32) (f32.const 1))
      (global $g3 (mut f64) (f64.const nan:0x4000000000001)) (global $g4 (mut v128) ${v128})
      (global $g5 (mut funcref) (ref.func $f0)) (global $g6 (mut externref) (ref.null extern))
      (tag $e (param i32)) (table $t ${this.#functions} funcref)
      (elem (i32.const 0) func ${bodies.map((_, index) => `$f${index}`).join(" ")})
      (type $f (func (param i32 i32 i64) (result i32)))
      (func (export "keep") (param externref) (global.set $g6 (local.get 0)))
      ${bodies.join("\n")} ${start})`;
  }

  #function(index: number): string {
    this.#self = index;
    this.#depth = 0;
    const body = this.#tame("$a") + this.#tame("$b") + this.#statements(2 + this.#random(10));
    return `(func $f${index} (export "f${index}") (param $a i32) (param $b i32) (param $c i64) (result i32)
      (local $x i32) (local $y i32) (local $turns i32) ${body} ${this.#i32(2)})`;
  }

  /** Brings an argument near the memory, but for a few, so that most calls do more than trap. */
  #tame(local: string): string {
    const kind = this.#random(8);
    if (kind === 0) return "";
    const masked = `(i32.and (local.get ${local}) (i32.const 0xffff))`;
    if (kind === 1) return `(local.set ${local} (i32.or ${masked} (i32.const 0xfff)))`; // the last byte of a page
    if (kind === 2) return `(local.set ${local} (i32.and ${masked} (i32.const 0xf000)))`;
    return `(local.set ${local} ${masked})`;
  }

  #statements(count: number): string {
    return Array.from({ length: count }, () => this.#statement()).join("\n");
  }

  #statement(): string {
    const nested = this.#depth < 3 ? this.#random(40) : 40;
    if (nested < 10) return this.#nested(nested);
    const kind = this.#random(25);
    if (kind === 24) return this.#storesAtReach();
    if (kind < 8) return this.#store();
    if (kind < 11) return this.#storesNearby();
    if (kind < 15) return `(local.set ${this.#local()} ${this.#i32(2)})`;
    if (kind < 17) return this.#bulk();
    if (kind === 17) return oneOf(this.#random, globalSets(this.#i32(1), `$f${this.#random(this.#functions)}`));
    if (kind === 18)
      return `(local.set ${this.#local()} (memory.grow (i32.const ${oneOf(this.#random, [0, 1, 1, 2, 7, -1])})))`;
    if (kind < 21) return this.#atomic();
    if (kind === 21) return this.#call();
    if (kind === 22 && this.#random(4) === 0)
      return oneOf(this.#random, ["(return (i32.const 5))", "(unreachable)", "(throw $e (i32.const 1))"]);
    return `(drop (i32.load ${this.#address()}))`;
  }

  #nested(kind: number): string {
    this.#depth += 1;
    this.#labels += 1;
    const label = `$l${this.#labels}`;
    const inner = (): string => this.#statements(1 + this.#random(4));
    const leave = this.#random(2) === 0 ? "" : `(br_if ${label} ${this.#i32(1)}) ${inner()}`;
    const texts = [
      () => `(block ${label} ${inner()} ${leave})`,
      () => `(if ${label} ${this.#i32(1)} (then ${inner()} ${leave}) (else ${inner()}))`,
      () => `(if ${label} ${this.#i32(1)} (then ${inner()} ${leave}))`,
      () =>
        `(try ${label} (do ${inner()} ${leave}) (catch $e (local.set ${this.#local()}) ${inner()}) (catch_all ${inner()}))`,
      () => `(block ${label} (block (br_table 0 ${label} 0 ${this.#i32(1)})) ${inner()})`,
    ];
    const loop = (): string => `(loop ${label} ${inner()}
      (local.set $turns (i32.add (local.get $turns) (i32.const 1)))
      ${inner()} (br_if ${label} (i32.lt_u (local.get $turns) (i32.const ${4 + this.#random(8)}))) ${inner()})`;
    const text = (texts[kind] ?? loop)();
    this.#depth -= 1;
    return text;
  }

  /** Arguments are assigned rarely, so they stay addresses. */
  #local(asAddress = false): string {
    return oneOf(
      this.#random,
      asAddress ? ["$a", "$b", "$a", "$b", "$x"] : ["$x", "$y", "$x", "$y", "$x", "$y", "$a", "$b"],
    );
  }

  #i32(depth: number): string {
    const kind = this.#random(depth > 0 ? 10 : 4);
    if (kind < 2) return `(local.get ${this.#local()})`;
    if (kind < 4) return `(i32.const ${oneOf(this.#random, constants)})`;
    if (kind < 6) return `(i32.add ${this.#i32(depth - 1)} (i32.const ${oneOf(this.#random, constants)}))`;
    if (kind === 6) return `(i32.sub ${this.#i32(depth - 1)} ${this.#i32(depth - 1)})`;
    if (kind === 7) return `(local.tee ${this.#local()} ${this.#i32(depth - 1)})`;
    if (kind === 8) return oneOf(this.#random, ["(memory.size)", "(global.get $g0)", "(i32.wrap_i64 (local.get $c))"]);
    return `(i32.load8_u (i32.and ${this.#i32(depth - 1)} (i32.const 0xffff)))`;
  }

  /** Mostly inside the memory, as most guests' addresses are. */
  #address(): string {
    const kind = this.#random(8);
    if (kind < 2) return `(local.get ${this.#local(true)})`;
    if (kind < 4) return `(i32.add (local.get ${this.#local(true)}) (i32.const ${oneOf(this.#random, constants)}))`;
    if (kind === 4) return `(i32.const ${Math.abs(oneOf(this.#random, constants)) & 0xffff})`;
    if (kind === 5) return `(local.tee ${this.#local()} (i32.and ${this.#i32(1)} (i32.const 0x1ffff)))`;
    if (kind === 6) return `(i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const ${1 + this.#random(20)}))`;
    return `(i32.and ${this.#i32(2)} (i32.const ${oneOf(this.#random, [0xffff, 0x1ffff, 0xfff8])}))`;
  }

  #value(type: Store["value"]): string {
    if (type === "i32") return this.#i32(1);
    if (type === "i64")
      return oneOf(this.#random, ["(local.get $c)", "(i64.const 0x0123456789abcdef)", "(global.get $g1)"]);
    if (type === "v128") return oneOf(this.#random, [v128, "(global.get $g4)"]);
    return `(${type}.const ${1 + this.#random(100)}.5)`;
  }

  #store(address = this.#address(), offset = oneOf(this.#random, offsets)): string {
    const { name, value, lane } = oneOf(this.#random, stores);
    const immediates = `offset=${offset} align=1${lane === undefined ? "" : ` ${this.#random(lane)}`}`;
    return `(${name} ${immediates} ${address} ${this.#value(value)})`;
  }

  /** What compilers write: several fields of one thing, whose marks the rewriter makes once. */
  #storesNearby(): string {
    const local = this.#local(true);
    const begin = this.#random(2) === 0 ? "" : this.#tame(local);
    const texts = Array.from({ length: 2 + this.#random(4) }, () => {
      const constant = `(i32.const ${oneOf(this.#random, constants)})`;
      const moved = `(local.tee ${local} (i32.add (local.get ${local}) ${constant}))`;
      const stores = [
        () => this.#store(`(local.get ${local})`),
        () =>
          this.#store(`(i32.${oneOf(this.#random, ["add", "add", "add", "sub"])} (local.get ${local}) ${constant})`),
        () => `(drop ${moved})` + this.#store(`(local.get ${local})`),
        () => this.#store(moved),
        // The address is taken before its local changes.
        () => `(i32.store16 offset=${oneOf(this.#random, offsets)} align=1 (local.get ${local}) ${moved})`,
        () => this.#inBranches(() => this.#store(`(local.get ${local})`), `(drop ${moved})`),
      ];
      return oneOf(
        this.#random,
        [0, 1, 1, 2, 3, 4, 5].map((place) => stores[place] ?? (() => "")),
      )();
    });
    return begin + texts.join("\n");
  }

  /** A store to the first or last byte of a page, and one as far from it as a mark may be made to reach. */
  #storesAtReach(): string {
    const local = this.#local(true);
    const masked = `(i32.and (local.get ${local}) (i32.const 0xf000))`;
    const distance = 240 + this.#random(18);
    const isLast = this.#random(2) === 0;
    const base = `(local.set ${local} (i32.or ${masked} (i32.const ${isLast ? 0xfff : 0x1000})))`;
    const far = isLast
      ? this.#store(`(local.get ${local})`, distance)
      : this.#store(`(i32.sub (local.get ${local}) (i32.const ${distance}))`, 0);
    return `${base} (i32.store8 (local.get ${local}) (i32.const 1)) ${far}`;
  }

  /** A store on one way only, or again after its local has changed in a turn of a loop. */
  #inBranches(store: () => string, move: string): string {
    if (this.#random(2) === 0) {
      const other = this.#random(2) === 0 ? move : "";
      return `(if ${this.#i32(1)} (then ${store()}) (else ${other} ${store()})) ${store()}`;
    }
    this.#labels += 1;
    const turns = `(local.set $turns (i32.add (local.get $turns) (i32.const 1)))`;
    const again = `(br_if $l${this.#labels} (i32.lt_u (local.get $turns) (i32.const ${2 + this.#random(6)})))`;
    return `${store()} (loop $l${this.#labels} ${store()} ${move} ${turns} ${again})`;
  }

  #atomic(): string {
    const form = oneOf(this.#random, atomicForms);
    const type = form.startsWith("i32") ? "i32" : "i64";
    const kind = oneOf(this.#random, ["store", ...rmw]);
    const narrow = /\d+$/.exec(form.slice(3))?.[0] ?? "";
    const aligned = `(i32.and ${this.#i32(1)} (i32.const ${this.#random(20) === 0 ? 0x1ffff : 0x1fff8}))`;
    const offset = `offset=${oneOf(this.#random, [0, 8, 4096, 65528])}`;
    const value = this.#value(type);
    if (kind === "store") return `(${type}.atomic.store${narrow} ${offset} ${aligned} ${value})`;
    const unsigned = narrow === "" ? "" : "_u";
    const second = kind === "cmpxchg" ? this.#value(type) : "";
    return `(drop (${type}.atomic.rmw${narrow}.${kind}${unsigned} ${offset} ${aligned} ${value} ${second}))`;
  }

  #bulk(): string {
    const count = `(i32.const ${oneOf(this.#random, counts)})`;
    const some = this.#random(3) === 0 ? `(i32.and ${this.#i32(1)} (i32.const 0xff))` : count;
    const kind = this.#random(5);
    if (kind === 3) {
      const [to, from] = [this.#random(200), this.#random(200)];
      return `(memory.copy (i32.const ${to}) (i32.const ${from}) ${count})`; // overlapping
    }
    if (kind === 4)
      return `(memory.init $passive (i32.const ${this.#random(200)}) (i32.const ${this.#random(9)}) ${count})`;
    if (kind === 0) return `(memory.fill ${this.#address()} (i32.const ${this.#random(256)}) ${some})`;
    if (kind === 1) return `(memory.copy ${this.#address()} ${this.#address()} ${some})`;
    return `(memory.init $passive ${this.#address()} (i32.const ${this.#random(170)}) (i32.const ${this.#random(40)}))`;
  }

  /** Only of functions that come later, so that everything ends. */
  #call(): string {
    const callee = this.#self + 1 + this.#random(this.#functions);
    if (callee >= this.#functions) return "(nop)";
    const inputs = `${this.#i32(1)} ${this.#i32(1)} (local.get $c)`;
    const text =
      this.#random(2) === 0
        ? `(call $f${callee} ${inputs})`
        : `(call_indirect $t (type $f) ${inputs} (i32.const ${callee}))`;
    return `(local.set ${this.#local()} ${text})`;
  }
}

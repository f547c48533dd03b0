const FIRST_BYTES = 4096;
/** A scratch that has grown past this is dropped after its value has been stored. */
const KEPT_BYTES: number = 1 << 20;

/**
 * Where a codec writes a value: bytes of a scratch that is used again by every set, so that a set leaves nothing
 * for V8 to collect. Grows as needed.
 */
export class ByteWriter {
  u8: Uint8Array = new Uint8Array(FIRST_BYTES);
  i32: Int32Array = new Int32Array(this.u8.buffer);
  view: DataView = new DataView(this.u8.buffer);
  length: number = 0;

  /** Empties the scratch; one that an odd large value had blown up is let go. */
  reset(): void {
    this.length = 0;
    if (this.u8.length > KEPT_BYTES) this.#use(new Uint8Array(FIRST_BYTES));
  }

  /** Makes room for `bytes` more. */
  ensure(bytes: number): void {
    if (this.length + bytes > this.u8.length) this.#grow(bytes);
  }

  #grow(bytes: number): void {
    const grown = new Uint8Array(Math.ceil(Math.max(this.u8.length * 2, this.length + bytes) / 8) * 8);
    grown.set(this.u8.subarray(0, this.length));
    this.#use(grown);
  }

  #use(u8: Uint8Array): void {
    this.u8 = u8;
    this.i32 = new Int32Array(u8.buffer);
    this.view = new DataView(u8.buffer);
  }

  byte(value: number): void {
    this.ensure(1);
    this.u8[this.length++] = value;
  }

  /** Appends `bytes`. */
  bytes(bytes: Uint8Array): void {
    const size = bytes.length;
    this.ensure(size);
    if (size <= 64) for (let i = 0; i < size; i++) this.u8[this.length + i] = bytes[i]!;
    else this.u8.set(bytes, this.length);
    this.length += size;
  }

  /** Appends a non-negative integer below 2^32, seven bits a byte. */
  varint(value: number): void {
    this.ensure(5);
    let rest = value;
    while (rest > 0x7f) {
      this.u8[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.u8[this.length++] = rest;
  }
}

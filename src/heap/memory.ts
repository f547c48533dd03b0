/**
 * The slabs' bytes as inner loops see them: one typed array per element type and slab, in plain arrays that
 * a loop can hoist. An address `a` (in units) lies in slab `a >>> slabShift`; its header's first byte there is
 * `(a & slabMask) << unitShift`, its payload's first byte 8 further.
 *
 * A slab that went back to the system has empty arrays in its place.
 */
export class SlabMemory {
  readonly u8: Uint8Array[] = [];
  readonly i8: Int8Array[] = [];
  readonly u16: Uint16Array[] = [];
  readonly i16: Int16Array[] = [];
  readonly u32: Uint32Array[] = [];
  readonly i32: Int32Array[] = [];
  readonly f32: Float32Array[] = [];
  readonly f64: Float64Array[] = [];
  readonly u64: BigUint64Array[] = [];
  readonly i64: BigInt64Array[] = [];
  /** For what is not aligned to its size. */
  readonly view: DataView[] = [];
  /**
   * Element 0 counts regions freed, released or begun anew, element 1 those released and not yet swept. A block that moves
   * or dies leaves a header of 0, so who keeps an address may use it while the count is the same and the block's ref stands
   * in the header.
   */
  readonly epoch: Int32Array = new Int32Array(2);
  /** log2 of the bytes of an address unit: 3, or more for heaps past 12.8 GiB. */
  readonly unitShift: number;
  readonly unitBytes: number;
  /** log2 of the units of a slab's span of addresses. */
  readonly slabShift: number;
  readonly slabMask: number;
  /** log2 of the 32-bit words of a unit: `(a & slabMask) << wordShift` indexes `i32` at the header. */
  readonly wordShift: number;

  constructor(unitShift: number, slabShift: number) {
    this.unitShift = unitShift;
    this.unitBytes = 1 << unitShift;
    this.slabShift = slabShift;
    this.slabMask = 2 ** slabShift - 1;
    this.wordShift = unitShift - 2;
  }

  /** Maps slab `slab` to `byteLength` bytes, a multiple of 8, of `buffer`; by default all from `byteOffset` on. */
  map(
    slab: number,
    buffer: ArrayBufferLike,
    byteOffset: number,
    byteLength: number = buffer.byteLength - byteOffset,
  ): void {
    // Divided, not shifted: a humongous block may be longer than 4 GiB, which is past 32 bits.
    this.u8[slab] = new Uint8Array(buffer, byteOffset, byteLength);
    this.i8[slab] = new Int8Array(buffer, byteOffset, byteLength);
    this.u16[slab] = new Uint16Array(buffer, byteOffset, byteLength / 2);
    this.i16[slab] = new Int16Array(buffer, byteOffset, byteLength / 2);
    this.u32[slab] = new Uint32Array(buffer, byteOffset, byteLength / 4);
    this.i32[slab] = new Int32Array(buffer, byteOffset, byteLength / 4);
    this.f32[slab] = new Float32Array(buffer, byteOffset, byteLength / 4);
    this.f64[slab] = new Float64Array(buffer, byteOffset, byteLength / 8);
    this.u64[slab] = new BigUint64Array(buffer, byteOffset, byteLength / 8);
    this.i64[slab] = new BigInt64Array(buffer, byteOffset, byteLength / 8);
    this.view[slab] = new DataView(buffer, byteOffset, byteLength);
  }
}

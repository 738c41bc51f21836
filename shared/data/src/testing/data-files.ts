/** An IDX file's bytes: pictures (3 dimensions) or labels (1). */
export function idxFile(dimensions: readonly number[], data: Uint8Array, magic?: number): Buffer {
  const header = Buffer.alloc(4 + 4 * dimensions.length);
  header.writeUInt32BE(magic ?? 0x0800 | dimensions.length);
  dimensions.forEach((dimension, i) => {
    header.writeUInt32BE(dimension, 4 + 4 * i);
  });
  return Buffer.concat([header, data]);
}

/** A CIFAR record of one colour: its label bytes, then a red, a green and a blue plane. */
export function cifarRecord(labels: readonly number[], [red, green, blue]: [number, number, number]): Buffer {
  return Buffer.concat([
    Buffer.from(labels),
    ...[red, green, blue].map((value) => Buffer.alloc(32 * 32, value)),
  ]);
}

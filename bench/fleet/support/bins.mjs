export const binStarts = Array.from({ length: 64 }, (_, bin) =>
  bin === 0 ? 0 : Math.fround(1 / (1 + Math.exp(-(-4 + ((bin - 1) * 16) / 62)))),
);
export const binOf = (confidence) => {
  let bin = 0;
  while (bin < 63 && confidence >= binStarts[bin + 1]) bin++;
  return bin;
};

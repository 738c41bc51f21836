/** The coordinate system of the bars; the picture is stretched to the available space. */
export const histogramBox = { width: 256, height: 40 };

/** Share of a bin's width that its bar takes. */
const barShare = 0.85;

/** A bar for each bin, side by side over the whole width; the fullest one is as high as the box. */
export function barsOf(bins: readonly number[]): { x: number; y: number; width: number; height: number }[] {
  const most = Math.max(1, ...bins);
  const room = histogramBox.width / bins.length;
  return bins.map((count, bin) => {
    const height = (count / most) * histogramBox.height;
    return { x: bin * room, y: histogramBox.height - height, width: barShare * room, height };
  });
}

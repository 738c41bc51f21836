export interface Size {
  height: number;
  width: number;
}

export interface FitCrop {
  /** The size that the picture is resized to, with its aspect ratio. */
  resized: Size;
  /** The offset of the crop in it. */
  top: number;
  left: number;
}

/**
 * Resizes the shorter side to `resize` pixels and crops the centre to `crop`, rounding as torchvision's `Resize` and
 * `CenterCrop` do, so that models get the pixels that they were trained on.
 * @param resize at least the crop's longer side
 */
export function fitCrop({ height, width }: Size, resize: number, crop: Size): FitCrop {
  const longer = Math.floor((resize * Math.max(height, width)) / Math.min(height, width));
  const resized = height <= width ? { height: resize, width: longer } : { height: longer, width: resize };
  return {
    resized,
    top: roundHalfToEven((resized.height - crop.height) / 2),
    left: roundHalfToEven((resized.width - crop.width) / 2),
  };
}

function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  if (value - below === 0.5) return below % 2 === 0 ? below : below + 1;
  return Math.round(value);
}

/** The cells of a map, in rows, each `size` CSS pixels with a `gap` after it. */
export interface MapLayout {
  columns: number;
  rows: number;
  size: number;
  gap: number;
  height: number;
}

const sizes = [16, 14, 12, 10, 8, 7, 6, 5, 4, 3];

/**
 * The largest cells with which all devices fit.
 * @param width in CSS pixels
 * @param maxHeight preferred maximum; exceeded if the smallest cells need more
 */
export function layOut(devices: number, width: number, maxHeight: number): MapLayout {
  let layout = layOutWith(devices, width, sizes[0] as number);
  for (const size of sizes) {
    layout = layOutWith(devices, width, size);
    if (layout.height <= maxHeight) break;
  }
  return layout;
}

function layOutWith(devices: number, width: number, size: number): MapLayout {
  const gap = size > 8 ? 2 : 1;
  const columns = Math.max(1, Math.floor((width + gap) / (size + gap)));
  const rows = Math.ceil(devices / columns);
  return { columns, rows, size, gap, height: Math.max(0, rows * (size + gap) - gap) };
}

/** The device at a position; `null`: none. */
export function deviceAt(layout: MapLayout, devices: number, x: number, y: number): number | null {
  const pitch = layout.size + layout.gap;
  const column = Math.floor(x / pitch);
  const index = Math.floor(y / pitch) * layout.columns + column;
  return x >= 0 && y >= 0 && column < layout.columns && index < devices ? index : null;
}

import sharp from 'sharp';

/** The formats of picture files, and what libvips calls the code that reads them from memory. */
const loaders = {
  png: 'VipsForeignLoadPngBuffer',
  jpeg: 'VipsForeignLoadJpegBuffer',
  webp: 'VipsForeignLoadWebpBuffer',
  gif: 'VipsForeignLoadNsgifBuffer',
  tiff: 'VipsForeignLoadTiffBuffer',
  avif: 'VipsForeignLoadHeifBuffer',
} as const;

export type PictureFileFormat = keyof typeof loaders;

// libvips can read many other formats. SVG, for one, is a program: a few bytes of it can take minutes and gigabytes.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: Object.values(loaders) });

/** The only way to sharp in the product: whatever it is given, it reads no other formats. A lint rule sees to that. */
export type { Metadata, Sharp } from 'sharp';
export { sharp };

import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];
/** Applies a style to a text, or returns it unchanged. */
export type Painter = (style: Style, text: string) => string;

/** @param styled whether the text is for a terminal with colour */
export function painter(styled: boolean): Painter {
  return (style, text) => (styled ? styleText(style, text, { validateStream: false }) : text);
}

/** Whether standard output is a terminal whose user wants colour. */
export function outputIsStyled(): boolean {
  return process.stdout.isTTY === true && !process.env.NO_COLOR;
}

/** Columns of the terminal; 100 without one. */
export function outputWidth(): number {
  return process.stdout.columns || 100;
}

/** Columns of the terminal; `null` if standard output is not one. */
export function terminalWidth(): number | null {
  return process.stdout.isTTY ? outputWidth() : null;
}

/** A row-major matrix. */
export interface Matrix {
  values: Float32Array;
  rows: number;
  width: number;
}

export function matrixOf(rows: number, width: number): Matrix {
  return { values: new Float32Array(rows * width), rows, width };
}

export function rowOf(matrix: Matrix, row: number): Float32Array {
  return matrix.values.subarray(row * matrix.width, (row + 1) * matrix.width);
}

/** The rows from one up to another, or to the last; not copied. */
export function rowsOf({ values, rows, width }: Matrix, from: number, to: number): Matrix {
  const end = Math.min(rows, to);
  return { values: values.subarray(from * width, end * width), rows: end - from, width };
}

/** The named rows, copied. */
export function selectRows(matrix: Matrix, rows: ArrayLike<number>): Matrix {
  const selected = matrixOf(rows.length, matrix.width);
  for (let i = 0; i < rows.length; i++) rowOf(selected, i).set(rowOf(matrix, rows[i] as number));
  return selected;
}

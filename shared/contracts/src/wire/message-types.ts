import type { Writer } from 'protobufjs';

type Scalar = number | string | boolean | Uint8Array | null;

/** A field that is absent has its proto3 default; a message, and a scalar that is `optional`, is `null`. */
type DecodedField<F> = F extends Scalar
  ? F
  : F extends readonly (infer E)[]
    ? DecodedElement<E>[]
    : string extends keyof F
      ? F
      : Decoded<F> | null;
type DecodedElement<E> = E extends Scalar ? E : Decoded<E>;

// The generated classes declare every field; their only optional members are `$unknowns` and, by name, the oneofs.
type FieldName<M> = { [K in keyof M]-?: undefined extends M[K] ? never : K }[keyof M];
type OneofName<M> = Exclude<keyof M, FieldName<M> | '$unknowns'>;
type CaseName<M> = Extract<M[OneofName<M>], keyof M>;

type Fields<M, Names extends keyof M> = { readonly [K in Names]: DecodedField<M[K]> };
type OneofCase<M, Case> = {
  readonly [K in OneofName<M>]: [Case] extends [never] ? undefined : Case;
} & {
  readonly [K in CaseName<M>]: K extends Case ? Exclude<DecodedField<M[K]>, null> : null;
};
type Oneof<M> = { [Case in CaseName<M>]: OneofCase<M, Case> }[CaseName<M>] | OneofCase<M, never>;

/**
 * A message as it comes out of a decoder: every field is there. Of a `oneof`, at most one field is not `null`, and
 * its name says which.
 *
 * Fields that were not in the bytes stand on the message's prototype, which costs nothing: read them by name. Spreading
 * a message copies only what was in the bytes.
 */
export type Decoded<M> = Fields<M, Exclude<FieldName<M>, CaseName<M>>> & Oneof<M>;

type InitField<F> = F extends Scalar
  ? F
  : F extends readonly (infer E)[]
    ? readonly InitField<E>[]
    : string extends keyof F
      ? { readonly [K in keyof F]: F[K] }
      : MessageInit<F>;

/** A message as it goes into an encoder: what is left out, or `null`, is not written. */
export type MessageInit<M> = { readonly [K in FieldName<M>]?: InitField<M[K]> | null };

export interface MessageType<M> {
  encode(message: MessageInit<M>): Writer;
  /** @throws Error for bytes that are not the message; `UnsafeIntegerError` for an integer of 2^53 or more */
  decode(bytes: Uint8Array): Decoded<M>;
}

/** The messages of a generated namespace. Its enums are left as they are. */
export type MessageTypes<Namespace> = {
  readonly [Name in keyof Namespace]: Namespace[Name] extends new (
    ...of: never
  ) => infer M
    ? MessageType<M>
    : Namespace[Name];
};

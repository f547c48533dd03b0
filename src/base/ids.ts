declare const brand: unique symbol;

/**
 * A number or string that the compiler keeps apart from others of its kind: a region index is no ref, a
 * generation is no site. The brand exists in types only; at run time the value is the plain one.
 */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** The long side of a right triangle: two f64 in, one out. */
export function hypotenuse(a: f64, b: f64): f64 {
  return Math.sqrt(a * a + b * b);
}

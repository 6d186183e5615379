/* The long side of a right triangle: two f64 in, one out. */

__attribute__((export_name("hypotenuse")))
double hypotenuse(double a, double b) {
  return __builtin_sqrt(a * a + b * b);
}

;; The greatest common divisor by Euclid. Signs are ignored and gcd(0, n) is n, so only two numbers that are each 0 or
;; the smallest i32 have a result (2^31) that i32 reads as negative.
(module
  (func (export "gcd") (param $a i32) (param $b i32) (result i32)
    (local $rest i32)
    (local.set $a (call $magnitude (local.get $a)))
    (local.set $b (call $magnitude (local.get $b)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $b)))
        (local.set $rest (i32.rem_u (local.get $a) (local.get $b)))
        (local.set $a (local.get $b))
        (local.set $b (local.get $rest))
        (br $next)))
    (local.get $a))

  (func $magnitude (param $number i32) (result i32)
    (select
      (i32.sub (i32.const 0) (local.get $number))
      (local.get $number)
      (i32.lt_s (local.get $number) (i32.const 0)))))

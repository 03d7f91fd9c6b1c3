;; The last-words filter: a downstream HTTP filter, nearest to the client, that has the last word.
;;
;; When a backend breaks off an answer, Envoy resets the client's stream and calls no filter that
;; could still write. But the upstream filter is told that its attempt is over just before. It leaves
;; the last words in the stream's filter state and has the answer go on behind the downstream filter: as
;; an empty part, into which this filter writes them. docs/adr/0009 has the whole story.
;;
;; It is a module of its own because Envoy calls, for each request, whatever a module exports:
;; docs/adr/0021. So the only callback here is the one that is needed, and there is nothing else:
;; no contexts, no configuration, no state.
;;
;; src/filter/last_words.wasm is this text, assembled. tests/stories/tests/wasm/writer.rs holds them to each
;; other, and writes the one from the other: `WRITER=overwrite cargo test -p spillway-stories`.
(module
  ;; Where a property is and how long, put at the two last places; 0 for success.
  (import "env" "proxy_get_property"
    (func $get_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property"
    (func $set_property (param i32 i32 i32 i32) (result i32)))
  ;; Which buffer, from where, how many bytes go, and what comes.
  (import "env" "proxy_set_buffer_bytes"
    (func $set_buffer (param i32 i32 i32 i32 i32) (result i32)))

  ;; 0: where the words are; 4: how many bytes. Envoy writes both.
  ;; 8: the property's name, 19 bytes (src/filter/effects.rs has it too).
  ;; 32: the words, as long as they are.
  (memory (export "memory") 2)
  (data (i32.const 8) "spillway.last_words")

  ;; By this name Envoy knows what the module speaks.
  (func (export "proxy_abi_version_0_2_1"))

  ;; Room for a value that Envoy hands over. The only one is what `$get_property` asks for, and Envoy
  ;; has taken it back out before it can be asked for again: each takes the place of the one before,
  ;; and nothing is ever freed. The memory grows where a value is longer than all before; 0 where it
  ;; cannot, which Envoy answers with an error.
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $more i32)
    ;; In pages of 64 KiB: those that the value fills, and two for its rest and the 32 bytes before it.
    (local.set $more
      (i32.sub
        (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 2))
        (memory.size)))
    (if (i32.gt_s (local.get $more) (i32.const 0))
      (then
        (if (i32.eq (memory.grow (local.get $more)) (i32.const -1))
          (then (return (i32.const 0))))))
    (i32.const 32))

  ;; A part of the answer passes. It always goes on: 0.
  (func (export "proxy_on_response_body")
    (param $context i32) (param $size i32) (param $is_last i32) (result i32)
    ;; Only an empty part that is not the last can be the one that was sent for this.
    (if (i32.or (local.get $size) (local.get $is_last))
      (then (return (i32.const 0))))
    ;; A backend may send an empty part of its own; then there are no words.
    (if (call $get_property (i32.const 8) (i32.const 19) (i32.const 0) (i32.const 4))
      (then (return (i32.const 0))))
    (if (i32.eqz (i32.load (i32.const 4)))
      (then (return (i32.const 0))))
    ;; Said once: nothing is left where they were.
    (drop (call $set_property (i32.const 8) (i32.const 19) (i32.const 0) (i32.const 0)))
    ;; 1: the answer's body.
    (drop (call $set_buffer (i32.const 1) (i32.const 0) (i32.const 0)
      (i32.load (i32.const 0)) (i32.load (i32.const 4))))
    (i32.const 0)))

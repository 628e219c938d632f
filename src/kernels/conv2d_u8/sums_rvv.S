// The sums of the u8 convolution with the vector extension of RISC-V (version 1.0): 4 pixels by as
// many output channels as two vector registers hold 16-bit weights of. Whatever the length of the
// registers, one source.
//
//   void DeixisSumsRvv(const uint8_t* const* pixels, int64_t input_row_stride, int64_t num_rows,
//                      int64_t row_steps, const uint8_t* weights, int64_t weight_stride,
//                      int64_t num_channels, int32_t* sums)
//
// is described in sums_rvv.h. A step loads the four weights of each channel into four registers
// (a segment load undoes their interleaving), widens them to 16 bits once for all pixels, and adds
// their products with each pixel's four bytes to 32-bit sums.
//
//   v4..v7            a step's weights, 8 bits, by place in the quad
//   v8 v10 v12 v14    the same, 16 bits
//   v16 v20 v24 v28   the sums of pixels 0 to 3, 32 bits

// Byte `byte` of each pixel's quad times the weights there.
    .macro multiply_accumulate byte, weights
    lbu t4, \byte(t0)
    lbu t5, \byte(t1)
    lbu t6, \byte(t2)
    vwmacc.vx v16, t4, \weights
    lbu t4, \byte(t3)
    vwmacc.vx v20, t5, \weights
    vwmacc.vx v24, t6, \weights
    vwmacc.vx v28, t4, \weights
    .endm

    .text
    .globl DeixisSumsRvv
    .type DeixisSumsRvv, @function
    .balign 4
DeixisSumsRvv:
    ld t0, 0(a0)                    // where each pixel's input is
    ld t1, 8(a0)
    ld t2, 16(a0)
    ld t3, 24(a0)
    slli t4, a3, 2
    sub a1, a1, t4                  // from the end of a filter row to the next
    vsetvli zero, a6, e32, m4, ta, ma
    vmv.v.i v16, 0
    vmv.v.i v20, 0
    vmv.v.i v24, 0
    vmv.v.i v28, 0
    beqz a2, .Lstore
    beqz a3, .Lstore
.Lrow:
    mv a0, a3
.Lstep:
    vsetvli zero, a6, e8, m1, ta, ma
    vlseg4e8.v v4, (a4)
    add a4, a4, a5
    vsetvli zero, a6, e16, m2, ta, ma
    vsext.vf2 v8, v4
    vsext.vf2 v10, v5
    vsext.vf2 v12, v6
    vsext.vf2 v14, v7
    multiply_accumulate 0, v8
    multiply_accumulate 1, v10
    multiply_accumulate 2, v12
    multiply_accumulate 3, v14
    addi t0, t0, 4
    addi t1, t1, 4
    addi t2, t2, 4
    addi t3, t3, 4
    addi a0, a0, -1
    bnez a0, .Lstep
    add t0, t0, a1
    add t1, t1, a1
    add t2, t2, a1
    add t3, t3, a1
    addi a2, a2, -1
    bnez a2, .Lrow
.Lstore:
    slli t4, a6, 2                  // bytes of one pixel's sums
    vsetvli zero, a6, e32, m4, ta, ma
    vse32.v v16, (a7)
    add a7, a7, t4
    vse32.v v20, (a7)
    add a7, a7, t4
    vse32.v v24, (a7)
    add a7, a7, t4
    vse32.v v28, (a7)
    ret
    .size DeixisSumsRvv, .-DeixisSumsRvv

// int64_t DeixisLanesRvv(): how many channels a call of DeixisSumsRvv takes at most, which is the
// number of bytes in a vector register.
    .globl DeixisLanesRvv
    .type DeixisLanesRvv, @function
    .balign 4
DeixisLanesRvv:
    csrr a0, vlenb
    ret
    .size DeixisLanesRvv, .-DeixisLanesRvv

    .section .note.GNU-stack, "", @progbits

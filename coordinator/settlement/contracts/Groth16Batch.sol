// SPDX-License-Identifier: GPL-3.0-only
pragma solidity 0.8.37;

import {ISettlement} from "./ISettlement.sol";

/// Checks many Groth16 zkProofs of one circuit over BN254 by one pairing:
///
///   prod e(r_i A_i, B_i) = e(sum r_i alpha, beta) e(sum r_i X_i, gamma) e(sum r_i C_i, delta)
///
/// with X_i = IC_0 + sum s_ij IC_j. The coefficients r_i are full-width scalars from a hash of the key, of which items are
/// checked, and of every word of every item, so whoever makes the zkProofs knows them only when nothing can be
/// changed any more, and errors cannot be made to cancel. The first one is 1, which costs nothing: only their ratios count.
///
/// The precompiled contracts refuse coordinates that are not below the modulus, points off their curve, and G2 points outside
/// the subgroup of order r (EIP-196, EIP-197); G1 has no others. Every point reaches one of them. They take infinity for a
/// point, which no zkProof needs: it is refused here, as the coordinator refuses it.
library Groth16Batch {
    uint256 private constant R = 21888242871839275222246405745257275088548364400416034343698204186575808495617;
    uint256 private constant R_LESS_1 = 21888242871839275222246405745257275088548364400416034343698204186575808495616;
    uint256 private constant Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583;
    bytes32 private constant TRANSCRIPT_TAG = "understudy.batch.v1";

    // Bytes of an item before its signals, of a key before its IC points, and of one pair.
    uint256 private constant PROOF_BYTES = 0x100;
    uint256 private constant KEY_BYTES = 0x1c0;
    uint256 private constant PAIR_BYTES = 0xc0;

    // Where things lie in the memory of a check: sum r_i C_i, a point on its way to be added to it with its factor, then
    // sum r_i, sum r_i s_i1, sum r_i s_i2, ..., then the pairs.
    uint256 private constant PRODUCT = 0x40;
    uint256 private constant FACTOR = 0x80;
    uint256 private constant SUMS = 0xa0;

    // A precompiled contract that refuses keeps all gas that it was given. So additions and multiplications are given ten times
    // what they cost today: this contract cannot be changed when they cost more.
    uint256 private constant ADD_GAS = 1_500;
    uint256 private constant MUL_GAS = 60_000;

    // What is wrong with items, as bits.
    uint256 private constant ABOVE_MODULUS = 1;
    uint256 private constant AT_INFINITY = 2;
    uint256 private constant NOT_A_POINT = 4;

    /// Reverts unless every open item's zkProof is valid for its signals.
    /// @param key where in memory alpha, beta, gamma, delta and IC lie; as many IC points as signals plus one
    /// @param open bit i says that item i is to be checked; at least one
    /// @return count number of items checked
    function check(
        bytes32 keyHash,
        uint256 key,
        uint256[] calldata items,
        uint256 itemWords,
        uint256 open
    ) internal view returns (uint256 count) {
        bytes32 seed = transcript(keyHash, items, open);
        uint256 memory_;
        uint256 pairs;
        assembly ("memory-safe") {
            memory_ := mload(0x40)
            pairs := add(memory_, add(SUMS, shl(5, sub(itemWords, 8))))
            // Sums begin at zero, which for a point is infinity.
            calldatacopy(memory_, calldatasize(), sub(pairs, memory_))
        }
        uint256 flaws;
        (count, flaws) = addItems(seed, items, itemWords * 32, open, memory_, pairs);
        if (flaws & ABOVE_MODULUS != 0) revert ISettlement.SignalAboveModulus();
        if (flaws & AT_INFINITY != 0) revert ISettlement.PointAtInfinity();
        if (flaws != 0 || !checkPairs(key, itemWords - 8, memory_, pairs, count)) revert ISettlement.InvalidZkProofs();
    }

    /// The seed of all coefficients.
    function transcript(bytes32 keyHash, uint256[] calldata items, uint256 open) private pure returns (bytes32 seed) {
        assembly ("memory-safe") {
            let at := mload(0x40)
            let size := shl(5, items.length)
            mstore(at, TRANSCRIPT_TAG)
            mstore(add(at, 0x20), keyHash)
            mstore(add(at, 0x40), open)
            mstore(add(at, 0x60), items.length)
            calldatacopy(add(at, 0x80), items.offset, size)
            seed := keccak256(at, add(0x80, size))
        }
    }

    /// Writes the pairs (r_i A_i, B_i), and adds up r_i C_i, r_i and r_i s_ij.
    function addItems(
        bytes32 seed,
        uint256[] calldata items,
        uint256 itemBytes,
        uint256 open,
        uint256 memory_,
        uint256 pair
    ) private view returns (uint256 count, uint256 flaws) {
        assembly ("memory-safe") {
            let item := items.offset
            mstore(0x00, seed)
            for {} open {
                open := shr(1, open)
                item := add(item, itemBytes)
            } {
                if iszero(and(open, 1)) { continue }
                // Infinity is written as zeros, and nothing else of these groups has an x of zero: it would be of order 3.
                let b := or(calldataload(add(item, 0x40)), calldataload(add(item, 0x60)))
                let ac := or(iszero(calldataload(item)), iszero(calldataload(add(item, 0xc0))))
                flaws := or(flaws, shl(1, or(ac, iszero(b))))

                // A to its pair and C to the product, both times the coefficient; then B behind A.
                calldatacopy(pair, item, 0x40)
                calldatacopy(add(memory_, PRODUCT), add(item, 0xc0), 0x40)
                let r := 1
                if count {
                    // Reduced modulo r: the bias gives a forger nothing.
                    mstore(0x20, count)
                    r := mod(keccak256(0x00, 0x40), R)
                    mstore(add(pair, 0x40), r)
                    mstore(add(memory_, FACTOR), r)
                    let product := add(memory_, PRODUCT)
                    let isDone := staticcall(MUL_GAS, 0x07, pair, 0x60, pair, 0x40)
                    isDone := and(isDone, staticcall(MUL_GAS, 0x07, product, 0x60, product, 0x40))
                    flaws := or(flaws, shl(2, iszero(isDone)))
                }
                flaws := or(flaws, shl(2, iszero(staticcall(ADD_GAS, 0x06, memory_, 0x80, memory_, 0x40))))
                calldatacopy(add(pair, 0x40), add(item, 0x40), 0x80)

                // The signals, each below r, so that one spelling of a statement counts.
                let sum := add(memory_, SUMS)
                mstore(sum, addmod(mload(sum), r, R))
                let at := add(item, PROOF_BYTES)
                for { let end := sub(add(item, itemBytes), 0x20) } 1 {} {
                    let signal := calldataload(at)
                    flaws := or(flaws, gt(signal, R_LESS_1))
                    sum := add(sum, 0x20)
                    mstore(sum, addmod(mload(sum), mulmod(signal, r, R), R))
                    at := add(at, 0x20)
                    if eq(at, end) { break }
                }
                pair := add(pair, PAIR_BYTES)
                count := add(count, 1)
            }
        }
    }

    /// Adds the three pairs of the key's side, with negated points, and asks for the product of all.
    function checkPairs(uint256 key, uint256 icPoints, uint256 memory_, uint256 pairs, uint256 count)
        private
        view
        returns (bool isValid)
    {
        assembly ("memory-safe") {
            let pair := add(pairs, mul(PAIR_BYTES, count))
            let product := add(memory_, PRODUCT)
            let sum := add(memory_, SUMS)

            // - sum r_i C_i, with delta
            mstore(pair, mload(memory_))
            mstore(add(pair, 0x20), mod(sub(Q, mload(add(memory_, 0x20))), Q))
            mcopy(add(pair, 0x40), add(key, 0x140), 0x80)
            pair := add(pair, PAIR_BYTES)

            // - sum r_i alpha, with beta
            mcopy(product, key, 0x40)
            mstore(add(memory_, FACTOR), sub(R, mload(sum)))
            isValid := staticcall(MUL_GAS, 0x07, product, 0x60, pair, 0x40)
            mcopy(add(pair, 0x40), add(key, 0x40), 0x80)
            pair := add(pair, PAIR_BYTES)

            // - sum r_i X_i, with gamma; the sum is taken where that of C was
            calldatacopy(memory_, calldatasize(), 0x40)
            let point := add(key, KEY_BYTES)
            for { let end := add(point, shl(6, icPoints)) } lt(point, end) { point := add(point, 0x40) } {
                mcopy(product, point, 0x40)
                mstore(add(memory_, FACTOR), sub(R, mload(sum)))
                isValid := and(isValid, staticcall(MUL_GAS, 0x07, product, 0x60, product, 0x40))
                isValid := and(isValid, staticcall(ADD_GAS, 0x06, memory_, 0x80, memory_, 0x40))
                sum := add(sum, 0x20)
            }
            mcopy(pair, memory_, 0x40)
            mcopy(add(pair, 0x40), add(key, 0xc0), 0x80)

            mstore(0x00, 0)
            isValid := and(isValid, staticcall(gas(), 0x08, pairs, mul(PAIR_BYTES, add(count, 3)), 0x00, 0x20))
            isValid := and(isValid, mload(0x00))
        }
    }
}

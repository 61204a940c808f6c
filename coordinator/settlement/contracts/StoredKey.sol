// SPDX-License-Identifier: GPL-3.0-only
pragma solidity 0.8.37;

import {ISettlement} from "./ISettlement.sol";

/// Verification keys as the code of contracts that do nothing: one byte 0, which stops whoever calls it, then the key's words.
library StoredKey {
    /// Words of a key with one public signal: alpha, beta, gamma, delta, two IC points.
    uint256 private constant WORDS_MIN = 18;
    uint256 private constant WORDS_MAX = WORDS_MIN + 2 * 255;

    /// Reverts when it lies there already, which the caller has looked up before.
    function store(uint256[] calldata words) internal returns (address place) {
        requireWords(words.length);
        // PUSH2 size, DUP1, PUSH1 10, RETURNDATASIZE, CODECOPY, RETURNDATASIZE, RETURN: becomes what stands behind it.
        bytes memory creation =
            abi.encodePacked(hex"61", uint16(1 + 32 * words.length), hex"80600a3d393df3", hex"00", words);
        assembly ("memory-safe") {
            place := create2(0, add(creation, 0x20), mload(creation), 0)
        }
        if (place == address(0)) revert ISettlement.WrongKey();
    }

    /// @return key where its words lie in memory
    function load(address place) internal view returns (uint256 key, uint256 words, bytes32 keyHash) {
        assembly ("memory-safe") {
            key := mload(0x40)
            // Without code this is a huge number of words, which is refused.
            words := shr(5, sub(extcodesize(place), 1))
        }
        requireWords(words);
        assembly ("memory-safe") {
            extcodecopy(place, key, 1, shl(5, words))
            keyHash := keccak256(key, shl(5, words))
            mstore(0x40, add(key, shl(5, words)))
        }
    }

    function requireWords(uint256 words) private pure {
        if (words < WORDS_MIN || words > WORDS_MAX || words & 1 != 0) revert ISettlement.WrongKey();
    }
}

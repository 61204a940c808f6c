// SPDX-License-Identifier: GPL-3.0-only
pragma solidity 0.8.37;

import {ISettlement, Sibling} from "./ISettlement.sol";

/// Merkle sum trees, byte for byte as in coordinator/protocol/sumTree.ts, balanceTree.ts and jobSet.ts.
///
/// A node is the hash of its two children with the sum of each, so the sum of one node is the same in every inclusion
/// proof. Leaves and nodes begin with different tags and differ in length, so none can be taken for another.
library SumTree {
    bytes32 private constant NODE_TAG = "understudy.node.v1";
    bytes32 private constant BALANCE_TAG = "understudy.balance.v1";
    bytes32 private constant ITEM_TAG = "understudy.item.v1";
    uint256 private constant AMOUNT_MASK = 0xffffffffffffffffffffffff;

    function balanceLeaf(address account, uint128 cumulativeWei) internal pure returns (bytes32) {
        return keccak256(abi.encode(BALANCE_TAG, account, cumulativeWei));
    }

    /// Goes from a node up to the root. `index` counts nodes of that node's height, from 0.
    /// @return isInside false when `index` is beyond a tree of this height
    function climb(bytes32 hash, uint256 sumWei, uint256 index, Sibling[] calldata siblings)
        internal
        pure
        returns (bytes32, uint256, bool isInside)
    {
        for (uint256 i = 0; i < siblings.length; ++i) {
            (bytes32 besideHash, uint256 besideWei) = (siblings[i].hash, siblings[i].sumWei);
            hash = index & 1 == 0
                ? keccak256(abi.encode(NODE_TAG, hash, sumWei, besideHash, besideWei))
                : keccak256(abi.encode(NODE_TAG, besideHash, besideWei, hash, sumWei));
            sumWei += besideWei;
            if (sumWei > type(uint128).max) revert ISettlement.SumOverflow();
            index >>= 1;
        }
        return (hash, sumWei, index == 0);
    }

    /// The root of the subtree over items of a job set, padded to `width` leaves. In assembly because it runs for every
    /// item of a batch: two nodes side by side in memory are what their parent's hash covers behind its tag.
    /// @param items `itemBytes` each, the last word of them the payout, before it `signalBytes` of public signals
    /// @param width a power of two, not below the number of items
    function itemsRoot(
        bytes32 keyHash,
        uint256 firstIndex,
        uint256[] calldata items,
        uint256 itemBytes,
        uint256 signalBytes,
        uint256 width
    ) internal pure returns (bytes32 hash, uint256 sumWei) {
        assembly ("memory-safe") {
            // From `nodes` on lie hash and sum of each node; above them is room for what is hashed.
            let nodes := mload(0x40)
            let preimage := add(nodes, shl(6, width))
            // Padding must be zero, and fresh memory may not be.
            calldatacopy(nodes, calldatasize(), shl(6, width))

            mstore(preimage, ITEM_TAG)
            mstore(add(preimage, 0x40), keyHash)
            let node := nodes
            let end := add(items.offset, shl(5, items.length))
            // From payout to payout; signals stand before it.
            for { let payoutAt := add(items.offset, sub(itemBytes, 0x20)) } 1 {} {
                let payout := calldataload(payoutAt)
                let signals := add(preimage, 0xa0)
                calldatacopy(signals, sub(payoutAt, signalBytes), signalBytes)
                mstore(add(preimage, 0x20), firstIndex)
                mstore(add(preimage, 0x60), keccak256(signals, signalBytes))
                mstore(add(preimage, 0x80), payout)
                mstore(node, keccak256(preimage, 0xa0))
                mstore(add(node, 0x20), and(payout, AMOUNT_MASK))
                firstIndex := add(firstIndex, 1)
                node := add(node, 0x40)
                payoutAt := add(payoutAt, itemBytes)
                if iszero(lt(payoutAt, end)) { break }
            }

            // Each level is written over the beginning of the one below. At most 256 amounts below 2^96: no overflow.
            mstore(preimage, NODE_TAG)
            for {} gt(width, 1) {} {
                width := shr(1, width)
                let from := nodes
                let to := nodes
                for { let last := add(nodes, shl(6, width)) } 1 {} {
                    mcopy(add(preimage, 0x20), from, 0x80)
                    let sum := add(mload(add(from, 0x20)), mload(add(from, 0x60)))
                    mstore(to, keccak256(preimage, 0xa0))
                    mstore(add(to, 0x20), sum)
                    from := add(from, 0x80)
                    to := add(to, 0x40)
                    if eq(to, last) { break }
                }
            }
            hash := mload(nodes)
            sumWei := mload(add(nodes, 0x20))
        }
    }
}

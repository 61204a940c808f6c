// SPDX-License-Identifier: GPL-3.0-only
pragma solidity 0.8.37;

import {BalanceRoot, Batch, ISettlement, Sibling} from "./ISettlement.sol";
import {Groth16Batch} from "./Groth16Batch.sol";
import {StoredKey} from "./StoredKey.sol";
import {SumTree} from "./SumTree.sol";
import {TokenTransfer} from "./TokenTransfer.sol";

/// See ISettlement. Effects come before every payment, and all amounts paid are differences of amounts that only rise, so a
/// token or an account that calls back in finds itself paid already.
contract Settlement is ISettlement {
    /// One slot: all that a withdrawal must know. 48 bits of seconds, and of epochs of a second, are 9 million years.
    struct Head {
        address coordinator;
        uint48 rootPostedAtSec;
        uint48 epoch;
    }

    struct Successor {
        address next;
        uint96 effectiveAtSec;
    }

    /// `earnedWei` comes first, in the low half of its slot: `credit` adds to it there.
    struct Earnings {
        uint128 earnedWei;
        uint128 paidWei;
    }

    uint256 private constant DELAY_SEC_MAX = 3650 days;
    uint256 private constant SET_ITEMS_MAX = 16_384;
    uint256 private constant BATCH_ITEMS_MAX = 256;
    /// Words of a key and of an item without their public signals: see Groth16Batch.
    uint256 private constant KEY_WORDS_MIN = 16;
    uint256 private constant ITEM_WORDS_MIN = 9;

    bytes32 private constant DOMAIN_TYPE_HASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant VOUCHER_TYPE_HASH = keccak256("Voucher(address account,uint256 cumulativeWei)");

    address public immutable token;
    uint256 public immutable exitDelaySec;
    uint256 public immutable rotationDelaySec;
    uint256 private immutable deployedChainId;
    bytes32 private immutable deployedSeparator;

    Head private head;
    uint128 public totalDepositedWei;
    uint128 public committedWei;
    BalanceRoot private root;
    Successor public successor;
    mapping(address payee => Earnings) public earnings;
    mapping(bytes32 keyHash => address) public keyAt;
    mapping(bytes32 setId => bytes32) public jobSets;
    mapping(bytes32 setId => mapping(uint256 word => uint256)) public openBits;
    /// Deposits that were not refunded, by the hash of account, start and amount.
    mapping(bytes32 depositHash => bool) private isDeposit;

    constructor(address token_, address coordinator_, uint256 exitDelaySec_, uint256 rotationDelaySec_) {
        if (coordinator_ == address(0)) revert ZeroAddress();
        if (token_ != address(0) && token_.code.length == 0) revert NotAToken();
        requireDelay(exitDelaySec_);
        requireDelay(rotationDelaySec_);
        token = token_;
        exitDelaySec = exitDelaySec_;
        rotationDelaySec = rotationDelaySec_;
        deployedChainId = block.chainid;
        deployedSeparator = separatorOfNow();
        head = Head(coordinator_, uint48(block.timestamp), 0);
        emit CoordinatorChanged(coordinator_);
    }

    modifier beforeExit() {
        if (exitBegun()) revert ExitBegun();
        _;
    }

    modifier inExit() {
        if (!exitBegun()) revert ExitNotBegun();
        _;
    }

    modifier onlyCoordinator() {
        if (msg.sender != head.coordinator) revert NotCoordinator();
        _;
    }

    /// The ordinary way out. It costs what two slots, the signature and the payment cost, and little on top: hence assembly, and
    /// a modifier, which is compiled into each of its functions. In plain Solidity it is:
    ///
    ///     if (exitBegun()) revert ExitBegun();
    ///     if (ecrecover(digest, v, r, s) != head.coordinator) revert WrongSignature();
    ///     payUpTo(account, cumulativeWei);
    modifier paysVoucher(address account, uint256 cumulativeWei, bytes32 r, bytes32 vs) {
        bytes32 separator = block.chainid == deployedChainId ? deployedSeparator : separatorOfNow();
        bytes32 typeHash = VOUCHER_TYPE_HASH;
        uint256 signer;
        uint256 head_;
        uint256 slot;
        uint256 beforeWei;
        assembly ("memory-safe") {
            // Free memory begins at 0x80: nothing has been allocated but what separatorOfNow is done with.
            mstore(0x80, typeHash)
            mstore(0xa0, account)
            mstore(0xc0, cumulativeWei)
            let structHash := keccak256(0x80, 0x60)
            mstore(0x80, hex"1901")
            mstore(0x82, separator)
            mstore(0xa2, structHash)
            mstore(0x80, keccak256(0x80, 0x42))
            // EIP-2098: the highest bit of s, which s itself never has, is the parity of v.
            mstore(0xa0, add(27, shr(255, vs)))
            mstore(0xc0, r)
            mstore(0xe0, shr(1, shl(1, vs)))
            // Written over the digest, which stays there when the signature is none: no address is as long.
            pop(staticcall(gas(), 0x01, 0x80, 0x80, 0x80, 0x20))
            signer := mload(0x80)
            head_ := sload(head.slot)
            slot := not(account)
            beforeWei := sload(slot)
        }
        unchecked {
            if (block.timestamp > uint48(head_ >> 160) + exitDelaySec) revert ExitBegun();
            if (signer != uint160(head_)) revert WrongSignature();
            if (cumulativeWei <= beforeWei) revert NothingToPay();
            bool isPaid = true;
            assembly ("memory-safe") {
                sstore(slot, cumulativeWei)
            }
            if (token != address(0)) {
                TokenTransfer.pay(token, account, cumulativeWei - beforeWei);
            } else {
                assembly ("memory-safe") {
                    isPaid := call(gas(), account, sub(cumulativeWei, beforeWei), 0x00, 0x00, 0x00, 0x00)
                }
            }
            if (!isPaid) revert TransferFailed();
        }
        _;
    }

    // Deposits.

    function deposit(address account, uint256 amountWei) external payable beforeExit {
        if (account == address(0)) revert ZeroAddress();
        if (amountWei == 0) revert ZeroAmount();
        if (msg.value != (token == address(0) ? amountWei : 0)) revert WrongValue();
        if (token != address(0)) TokenTransfer.take(token, msg.sender, amountWei);
        // Read only now: a token that calls back in may have made a deposit of its own.
        uint256 startWei = totalDepositedWei;
        if (amountWei > type(uint128).max - startWei) revert DepositsOverflow();
        totalDepositedWei = uint128(startWei + amountWei);
        isDeposit[keccak256(abi.encode(account, startWei, amountWei))] = true;
        emit Deposited(account, startWei, amountWei);
    }

    // Withdrawals while the market lives.

    function withdrawFunds(uint256 cumulativeWei, bytes32 r, bytes32 vs)
        external
        paysVoucher(msg.sender, cumulativeWei, r, vs)
    {}

    function withdrawFor(address account, uint256 cumulativeWei, bytes32 r, bytes32 vs)
        external
        paysVoucher(account, cumulativeWei, r, vs)
    {}

    // Roots.

    function postRoot(uint64 epoch_, BalanceRoot calldata next) external onlyCoordinator beforeExit {
        if (epoch_ != uint256(head.epoch) + 1) revert WrongEpoch();
        if (next.treeSize < root.treeSize) revert TreeShrank();
        if (next.creditedWei < root.creditedWei || next.creditedWei > totalDepositedWei) revert WrongCredited();
        if (uint256(next.sumWei) + committedWei > next.creditedWei) revert MoreThanHeld();
        root = next;
        head = Head(head.coordinator, uint48(block.timestamp), uint48(epoch_));
        emit RootPosted(epoch_, next.balanceRoot, next.logRootHash, next.sumWei, next.creditedWei, next.treeSize);
    }

    // Exit.

    function claim(address account, uint128 cumulativeWei, uint256 index, Sibling[] calldata siblings) external inExit {
        bytes32 leaf = SumTree.balanceLeaf(account, cumulativeWei);
        (bytes32 hash, uint256 sumWei, bool isInside) = SumTree.climb(leaf, cumulativeWei, index, siblings);
        if (!isInside || hash != root.balanceRoot || sumWei != root.sumWei) revert WrongInclusionProof();
        emit Claimed(account, payUpTo(account, cumulativeWei));
    }

    function refundDeposit(address account, uint256 startWei, uint256 amountWei) external inExit {
        bytes32 depositHash = keccak256(abi.encode(account, startWei, amountWei));
        if (!isDeposit[depositHash]) revert NoSuchDeposit();
        uint256 fromWei = startWei > root.creditedWei ? startWei : root.creditedWei;
        uint256 endWei = startWei + amountWei;
        if (endWei <= fromWei) revert NoSuchDeposit();
        delete isDeposit[depositHash];
        emit DepositRefunded(account, fromWei, endWei - fromWei);
        TokenTransfer.pay(token, account, endWei - fromWei);
    }

    // Verified settlement.

    function commitJobSet(bytes32 setId, bytes32 itemsRoot, uint128 totalWei, uint256 itemCount)
        external
        onlyCoordinator
        beforeExit
    {
        if (totalWei == 0) revert ZeroAmount();
        if (itemCount == 0 || itemCount > SET_ITEMS_MAX) revert WrongItems();
        if (jobSets[setId] != 0) revert JobSetExists();
        uint256 committed = uint256(committedWei) + totalWei;
        if (committed > totalDepositedWei) revert MoreThanHeld();
        committedWei = uint128(committed);
        jobSets[setId] = keccak256(abi.encode(itemsRoot, totalWei, head.epoch));
        for (uint256 word = 0; itemCount != 0; ++word) {
            uint256 count = itemCount < BATCH_ITEMS_MAX ? itemCount : BATCH_ITEMS_MAX;
            openBits[setId][word] = type(uint256).max >> (BATCH_ITEMS_MAX - count);
            itemCount -= count;
        }
        emit JobSetCommitted(setId, itemsRoot, totalWei, head.epoch);
    }

    function storeKey(uint256[] calldata words) external returns (address place) {
        bytes32 keyHash = keccak256(abi.encodePacked(words));
        if (keyAt[keyHash] != address(0)) return keyAt[keyHash];
        place = StoredKey.store(words);
        keyAt[keyHash] = place;
        emit KeyStored(keyHash, place);
    }

    function settleBatch(Batch calldata batch) external returns (uint256 settledCount) {
        (uint256 key, uint256 keyWords, bytes32 keyHash) = StoredKey.load(batch.keyAt);
        (uint256 itemWords, uint256 count) = shapeOf(keyWords, batch.items.length);
        requireItems(batch, keyHash, itemWords, count);
        uint256 open = takeOpenBits(batch.setId, batch.firstIndex, count);
        if (open == 0) return 0;
        emit JobsSettled(batch.setId, batch.firstIndex, open, credit(batch.items, itemWords, open));
        // Last, with little else on the stack: this is the dear part, and it undoes all of the above when it fails.
        return Groth16Batch.check(keyHash, key, batch.items, itemWords, open);
    }

    function payEarnings(address payee) external {
        Earnings storage of_ = earnings[payee];
        uint256 amountWei = of_.earnedWei - of_.paidWei;
        if (amountWei == 0) revert NothingToPay();
        of_.paidWei = of_.earnedWei;
        emit EarningsPaid(payee, amountWei);
        TokenTransfer.pay(token, payee, amountWei);
    }

    // The coordinator's successor.

    function announceCoordinator(address next) external onlyCoordinator beforeExit {
        uint256 effectiveAtSec = block.timestamp + rotationDelaySec;
        successor = Successor(next, uint96(effectiveAtSec));
        emit CoordinatorAnnounced(next, effectiveAtSec);
    }

    function applyCoordinator() external beforeExit {
        Successor memory to = successor;
        if (to.next == address(0)) revert NoSuccessor();
        if (block.timestamp < to.effectiveAtSec) revert TooEarly();
        head.coordinator = to.next;
        delete successor;
        emit CoordinatorChanged(to.next);
    }

    // What there is.

    function coordinator() external view returns (address) {
        return head.coordinator;
    }

    function epoch() external view returns (uint64) {
        return head.epoch;
    }

    function rootPostedAtSec() external view returns (uint48) {
        return head.rootPostedAtSec;
    }

    function latestRoot() external view returns (BalanceRoot memory) {
        return root;
    }

    function exitBegun() public view returns (bool) {
        // 48 bits and ten years: no overflow.
        unchecked {
            return block.timestamp > head.rootPostedAtSec + exitDelaySec;
        }
    }

    /// After a fork of the chain that changes its id, vouchers of the other one do not count here.
    function domainSeparator() public view returns (bytes32) {
        return block.chainid == deployedChainId ? deployedSeparator : separatorOfNow();
    }

    function separatorOfNow() private view returns (bytes32) {
        return keccak256(
            abi.encode(DOMAIN_TYPE_HASH, keccak256("Understudy settlement"), keccak256("1"), block.chainid, address(this))
        );
    }

    function requireDelay(uint256 delaySec) private pure {
        if (delaySec == 0 || delaySec > DELAY_SEC_MAX) revert WrongDelay();
    }

    // How money leaves.

    /// In the slot that is the complement of the account's address: other variables lie at the lowest slots or at hashes. A
    /// mapping would hash the address for the same.
    function withdrawnWei(address account) public view returns (uint256 amountWei) {
        assembly ("memory-safe") {
            amountWei := sload(not(account))
        }
    }

    function payUpTo(address account, uint256 cumulativeWei) private returns (uint256 amountWei) {
        uint256 beforeWei = withdrawnWei(account);
        if (cumulativeWei <= beforeWei) revert NothingToPay();
        assembly ("memory-safe") {
            sstore(not(account), cumulativeWei)
        }
        amountWei = cumulativeWei - beforeWei;
        TokenTransfer.pay(token, account, amountWei);
    }

    // How a batch is read.

    /// @return itemWords words of an item under a key of `keyWords`
    /// @return count number of items
    function shapeOf(uint256 keyWords, uint256 words) private pure returns (uint256 itemWords, uint256 count) {
        itemWords = ITEM_WORDS_MIN + (keyWords - KEY_WORDS_MIN) / 2;
        count = words / itemWords;
        if (count == 0 || count > BATCH_ITEMS_MAX || count * itemWords != words) revert WrongItems();
    }

    /// Reverts unless these are items of a committed set, where the batch says, and a root was posted behind it.
    function requireItems(Batch calldata batch, bytes32 keyHash, uint256 itemWords, uint256 count) private view {
        uint256 width = 1;
        uint256 height = 0;
        for (; width < count; width <<= 1) ++height;
        if (batch.firstIndex & (width - 1) != 0) revert NotAligned();
        (bytes32 hash, uint256 sumWei) = SumTree.itemsRoot(
            keyHash, batch.firstIndex, batch.items, itemWords * 32, (itemWords - ITEM_WORDS_MIN) * 32, width
        );
        bool isInside;
        (hash, sumWei, isInside) = SumTree.climb(hash, sumWei, batch.firstIndex >> height, batch.siblings);
        bytes32 jobSet = keccak256(abi.encode(hash, sumWei, batch.committedEpoch));
        if (!isInside || jobSet != jobSets[batch.setId]) revert WrongJobSet();
        if (batch.committedEpoch >= head.epoch) revert RootNotPostedYet();
    }

    /// Says which of the items wait to be settled, and that they do so no more. Ranges are aligned: all bits lie in one word.
    function takeOpenBits(bytes32 setId, uint256 firstIndex, uint256 count) private returns (uint256 open) {
        uint256 bits = openBits[setId][firstIndex >> 8];
        uint256 shift = firstIndex & 0xff;
        open = (bits >> shift) & (type(uint256).max >> (BATCH_ITEMS_MAX - count));
        if (open != 0) openBits[setId][firstIndex >> 8] = bits ^ (open << shift);
    }

    /// Credits the payees of the open items; those of one payee one after another together.
    function credit(uint256[] calldata items, uint256 itemWords, uint256 open) private returns (uint256 totalWei) {
        // At most 256 amounts below 2^96, and what all sets pay fits in the 128 bits of earnedWei: no overflow.
        assembly ("memory-safe") {
            function earn(payee, amountWei) {
                mstore(0x00, payee)
                mstore(0x20, earnings.slot)
                let slot := keccak256(0x00, 0x40)
                sstore(slot, add(sload(slot), amountWei))
            }
            let payee
            let amountWei
            let itemBytes := shl(5, itemWords)
            for { let payoutAt := add(items.offset, sub(itemBytes, 0x20)) } open { open := shr(1, open) } {
                if and(open, 1) {
                    let payout := calldataload(payoutAt)
                    if xor(payee, shr(96, payout)) {
                        if amountWei { earn(payee, amountWei) }
                        totalWei := add(totalWei, amountWei)
                        payee := shr(96, payout)
                        amountWei := 0
                    }
                    amountWei := add(amountWei, shr(160, shl(160, payout)))
                }
                payoutAt := add(payoutAt, itemBytes)
            }
            earn(payee, amountWei)
            totalWei := add(totalWei, amountWei)
        }
    }
}

// SPDX-License-Identifier: GPL-3.0-only
pragma solidity 0.8.37;

/// A node of a sum tree on the way to its root: the hash of the subtree beside, and all money in it.
struct Sibling {
    bytes32 hash;
    uint128 sumWei;
}

/// What the coordinator says about its ledger at one size of its log.
struct BalanceRoot {
    /// Root hash of the sum tree of all entitlements.
    bytes32 balanceRoot;
    /// RFC 6962 root hash of the log at `treeSize`: what the balances are the fold of.
    bytes32 logRootHash;
    /// The sum at the tree's root: all that accounts may ever take out, what they have taken included.
    uint128 sumWei;
    /// Up to where on the line of all deposits (`totalDepositedWei`) they are credited in that ledger.
    uint128 creditedWei;
    uint64 treeSize;
}

/// Items of a job set with their zkProofs, all of one circuit.
struct Batch {
    bytes32 setId;
    /// `epoch` of the set's JobSetCommitted.
    uint64 committedEpoch;
    /// Index of the first item: a multiple of the smallest power of two that is not below the number of items.
    uint256 firstIndex;
    /// Where the circuit's verification key lies: see `storeKey`.
    address keyAt;
    /// For each item the words of A, B, C, its public signals, and payee << 96 | amountWei; at most 256 items.
    uint256[] items;
    /// From the smallest subtree that holds all these items up.
    Sibling[] siblings;
}

/// Holds a market's money: one token, ETH or an ERC-20. All amounts are in the token's smallest unit, here called wei.
///
/// Everything is counted from the beginning and only rises, so that nothing can be paid twice, in whatever order: an
/// account is paid the difference between what it is entitled to and what it has been paid.
///
/// The coordinator can do four things: sign vouchers, post roots, commit job sets, name its successor with notice. It can
/// neither pause nor change the contract. When it posts no root for `exitDelaySec`, exit begins and never ends: accounts
/// leave by the last root, with inclusion proofs alone.
interface ISettlement {
    /// A deposit: it takes the part from `startWei` to `startWei + amountWei` of the line of all deposits.
    event Deposited(address indexed account, uint256 startWei, uint256 amountWei);
    event RootPosted(
        uint64 indexed epoch,
        bytes32 balanceRoot,
        bytes32 logRootHash,
        uint128 sumWei,
        uint128 creditedWei,
        uint64 treeSize
    );
    /// In exit: `account` was paid `amountWei` by its entitlement in the last root.
    event Claimed(address indexed account, uint256 amountWei);
    /// In exit: a deposit, or the part of it that the last root does not hold, went back to its account.
    event DepositRefunded(address indexed account, uint256 startWei, uint256 amountWei);
    event JobSetCommitted(bytes32 indexed setId, bytes32 itemsRoot, uint128 totalWei, uint64 epoch);
    event KeyStored(bytes32 indexed keyHash, address place);
    /// Bit i of `settledBits` is item `firstIndex + i`: these were settled now, and earned `amountWei` together.
    event JobsSettled(bytes32 indexed setId, uint256 firstIndex, uint256 settledBits, uint256 amountWei);
    event EarningsPaid(address indexed payee, uint256 amountWei);
    /// `next` becomes the coordinator when somebody calls `applyCoordinator`, from `effectiveAtSec` on; 0 takes it back.
    event CoordinatorAnnounced(address indexed next, uint256 effectiveAtSec);
    event CoordinatorChanged(address indexed coordinator);

    /// Only the coordinator may do this.
    error NotCoordinator();
    /// Exit has begun: no deposits, vouchers, roots, sets or successors any more.
    error ExitBegun();
    /// Claims and refunds are for exit, which has not begun.
    error ExitNotBegun();
    error ZeroAddress();
    error ZeroAmount();
    /// A delay given at deployment is zero, or longer than ten years.
    error WrongDelay();
    /// The token's address has no code.
    error NotAToken();
    /// The value sent is not the amount said, or a token's market was sent ETH.
    error WrongValue();
    /// The token did not move just the amount: it takes fees, or its balances move by themselves.
    error TokenTookAnotherAmount();
    /// The token said no, or the account refused the ETH.
    error TransferFailed();
    /// All deposits together would not fit in 128 bits.
    error DepositsOverflow();
    /// The voucher is not signed by the coordinator of now for this account, amount, chain and contract.
    error WrongSignature();
    /// The account has been paid as much already.
    error NothingToPay();
    /// The epoch is not the last one plus one.
    error WrongEpoch();
    /// The tree is smaller than that of the last root.
    error TreeShrank();
    /// `creditedWei` is below that of the last root, or above all deposits.
    error WrongCredited();
    /// Entitlements and committed sets are more than the credited deposits.
    error MoreThanHeld();
    /// The inclusion proof does not lead to the last root and its sum.
    error WrongInclusionProof();
    /// A sum in an inclusion proof does not fit in 128 bits.
    error SumOverflow();
    /// There is no such deposit, it was refunded, or the last root holds all of it.
    error NoSuchDeposit();
    error JobSetExists();
    /// No set of this id, epoch, root and total was committed: a wrong item, sibling, payee, amount or key.
    error WrongJobSet();
    /// No root has been posted since the set was committed, so its money may still be in the last root.
    error RootNotPostedYet();
    /// No items, too many (256 of a batch, 16,384 of a set), or not as many words as the key asks for.
    error WrongItems();
    /// What lies there, or was to be stored, is no key: too short, or not a whole number of points.
    error WrongKey();
    /// The items do not begin at a multiple of the smallest power of two that holds them.
    error NotAligned();
    error SignalAboveModulus();
    error PointAtInfinity();
    /// A point is off its curve or subgroup, a coordinate not below the modulus, or the equation does not hold.
    error InvalidZkProofs();
    error NoSuccessor();
    error TooEarly();

    // Deposits.

    /// Puts `amountWei` into the ledger of `account`. With ETH send the same value; a token must be approved before.
    function deposit(address account, uint256 amountWei) external payable;

    // Withdrawals while the market lives. They emit no event, so that they stay under 40,000 gas: read `withdrawnWei`.

    /// Pays the sender up to `cumulativeWei`, what it may have taken in all, by the coordinator's voucher. Of all names that
    /// say so this one has the lowest selector, so that the contract looks for it first.
    /// @param r,vs the EIP-712 signature of `Voucher(address account,uint256 cumulativeWei)` in EIP-2098's form
    function withdrawFunds(uint256 cumulativeWei, bytes32 r, bytes32 vs) external;

    /// The same for an account that has no gas: anybody may send it, the account is paid.
    function withdrawFor(address account, uint256 cumulativeWei, bytes32 r, bytes32 vs) external;

    // Roots.

    /// @param epoch the last one plus one
    /// @dev demands that root.sumWei + committedWei <= root.creditedWei <= totalDepositedWei
    function postRoot(uint64 epoch, BalanceRoot calldata root) external;

    // Exit.

    /// Pays `account` up to its entitlement in the last root.
    /// @param index the leaf's place in the tree, from 0
    /// @param siblings from the leaf up
    function claim(address account, uint128 cumulativeWei, uint256 index, Sibling[] calldata siblings) external;

    /// Pays back what the last root does not hold of a deposit: see `Deposited`.
    function refundDeposit(address account, uint256 startWei, uint256 amountWei) external;

    // Verified settlement.

    /// Sets the money of a block's proven jobs apart for their payees. It can be settled once a further root is posted,
    /// which does not hold that money any more.
    /// @param setId the block's id
    /// @param itemsRoot root hash of the sum tree over the items, in the order of their jobs
    /// @param totalWei the sum at that root
    /// @param itemCount number of items, at most 16,384
    function commitJobSet(bytes32 setId, bytes32 itemsRoot, uint128 totalWei, uint256 itemCount) external;

    /// Stores a verification key as the code of a contract, once for each circuit: read from there it costs a batch 9,000 gas
    /// less than as an argument. Anybody may do it. The key is not judged: an item names the hash of the one that counts.
    /// @param words of alpha, beta, gamma, delta, IC: x and y, those of G2 with the imaginary part first
    /// @return place what a batch is given as `keyAt`: one byte 0, then the words
    function storeKey(uint256[] calldata words) external returns (address place);

    /// Checks the Groth16 zkProofs of a batch and credits their payees. Anybody may call it. Items that are settled already
    /// are skipped: their zkProofs are not looked at. One invalid zkProof among the others fails the call.
    /// @return settledCount how many items were settled now
    function settleBatch(Batch calldata batch) external returns (uint256 settledCount);

    /// Pays a payee what settled jobs have earned it. Anybody may send it.
    function payEarnings(address payee) external;

    // The coordinator's successor.

    /// Announces another coordinator, or takes an announcement back with 0.
    function announceCoordinator(address next) external;

    /// Makes the announced coordinator the coordinator, when its time has come. Anybody may call it.
    function applyCoordinator() external;

    // What there is.

    /// The token, or 0 for ETH.
    function token() external view returns (address);
    function exitDelaySec() external view returns (uint256);
    function rotationDelaySec() external view returns (uint256);
    function coordinator() external view returns (address);
    /// Number of roots posted.
    function epoch() external view returns (uint64);
    /// When the last root was posted; before the first, when the contract was deployed.
    function rootPostedAtSec() external view returns (uint48);
    function exitBegun() external view returns (bool);
    function latestRoot() external view returns (BalanceRoot memory);
    function successor() external view returns (address next, uint96 effectiveAtSec);
    /// The length of the line of all deposits.
    function totalDepositedWei() external view returns (uint128);
    /// All sets together.
    function committedWei() external view returns (uint128);
    /// What an account was paid by vouchers and claims, in all.
    function withdrawnWei(address account) external view returns (uint256);
    /// What settled jobs have earned a payee, and how much of it was paid, in all.
    function earnings(address payee) external view returns (uint128 earnedWei, uint128 paidWei);
    /// keccak256 of itemsRoot, totalWei and committedEpoch of a set, a word each; 0 without one.
    function jobSets(bytes32 setId) external view returns (bytes32);
    /// Where a key is stored, by the hash of its words; 0 for nowhere.
    function keyAt(bytes32 keyHash) external view returns (address);
    /// Bit i says that item `256 * word + i` of the set waits to be settled.
    function openBits(bytes32 setId, uint256 word) external view returns (uint256);
    /// EIP-712's separator: name "Understudy settlement", version "1", this chain, this contract.
    function domainSeparator() external view returns (bytes32);
}

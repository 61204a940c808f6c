// SPDX-License-Identifier: GPL-3.0-only
pragma solidity 0.8.37;

/// An ordinary ERC-20: whoever deploys it has all of it.
contract PlainToken {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    constructor(uint256 supply) {
        balanceOf[msg.sender] = supply;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) public virtual returns (bool) {
        move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) public virtual returns (bool) {
        allowance[from][msg.sender] -= amount;
        move(from, to, amount);
        return true;
    }

    function move(address from, address to, uint256 amount) internal virtual {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// As the most used one behaves: it says its name and decimals, answers nothing, and changes an approval by way of none only.
contract CarefulToken {
    string public constant symbol = "CTT";
    uint8 public constant decimals = 6;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    constructor(uint256 supply) {
        balanceOf[msg.sender] = supply;
    }

    function approve(address spender, uint256 amount) external {
        require(amount == 0 || allowance[msg.sender][spender] == 0, "approve zero first");
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// Keeps a hundredth of every transfer.
contract FeeToken is PlainToken {
    constructor(uint256 supply) PlainToken(supply) {}

    function move(address from, address to, uint256 amount) internal override {
        super.move(from, to, amount);
        balanceOf[to] -= amount / 100;
    }
}

/// Says no instead of reverting, when told to.
contract SulkingToken is PlainToken {
    bool public isSulking;

    constructor(uint256 supply) PlainToken(supply) {}

    function sulk(bool on) external {
        isSulking = on;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        return !isSulking && super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        return !isSulking && super.transferFrom(from, to, amount);
    }
}

/// Calls what it was told to, once, in the middle of its next transfer, before or after the money has moved.
contract ReenteringToken is PlainToken {
    address private target;
    bytes private data;
    bool private isBefore;
    bool public wasDone;

    constructor(uint256 supply) PlainToken(supply) {}

    function plan(address target_, bytes calldata data_, bool isBefore_) external {
        (target, data, isBefore, wasDone) = (target_, data_, isBefore_, false);
    }

    /// So that this contract can make deposits of its own.
    function approveFor(address spender, uint256 amount) external {
        allowance[address(this)][spender] = amount;
    }

    function move(address from, address to, uint256 amount) internal override {
        if (isBefore) enter();
        super.move(from, to, amount);
        if (!isBefore) enter();
    }

    function enter() private {
        address to = target;
        target = address(0);
        if (to != address(0)) (wasDone,) = to.call(data);
    }
}

/// Answers nothing, as some old tokens do.
contract SilentToken {
    mapping(address => uint256) public balanceOf;

    constructor(uint256 supply) {
        balanceOf[msg.sender] = supply;
    }

    function approve(address, uint256) external {}

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// An account that is a contract: it refuses ETH, or calls back what it was told to when ETH arrives.
contract ContractAccount {
    address private target;
    bytes private data;
    bool private isRefusing;
    bool public wasDone;

    function plan(address target_, bytes calldata data_) external {
        (target, data, wasDone) = (target_, data_, false);
    }

    function refuse() external {
        isRefusing = true;
    }

    receive() external payable {
        require(!isRefusing);
        address to = target;
        target = address(0);
        if (to != address(0)) (wasDone,) = to.call(data);
    }
}

interface ISettlementViews {
    function totalDepositedWei() external view returns (uint128);
    function committedWei() external view returns (uint128);
    function epoch() external view returns (uint64);
    function exitBegun() external view returns (bool);
    function withdrawnWei(address account) external view returns (uint256);
    function earnings(address payee) external view returns (uint128 earnedWei, uint128 paidWei);
}

/// Reads in one call all that the random sequences compare.
contract Observer {
    function look(ISettlementViews settlement, address[] calldata accounts)
        external
        view
        returns (uint256[4] memory totals, bool isExit, uint256[] memory amounts)
    {
        totals = [
            address(settlement).balance,
            settlement.totalDepositedWei(),
            settlement.committedWei(),
            uint256(settlement.epoch())
        ];
        isExit = settlement.exitBegun();
        amounts = new uint256[](3 * accounts.length);
        for (uint256 i = 0; i < accounts.length; ++i) {
            amounts[3 * i] = settlement.withdrawnWei(accounts[i]);
            (amounts[3 * i + 1], amounts[3 * i + 2]) = settlement.earnings(accounts[i]);
        }
    }
}
